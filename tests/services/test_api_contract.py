"""The specification is true: whatever a caller sends, no server error, and only answers of the documented shapes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.generation.modes import GenerationMode

from tests.builders.api import an_api_client
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.accounting.contract import UnableToQuote
from warchest.api.errors import UnableToServe
from warchest.api.pages import UnableToTurnPage
from warchest.cards.contract import UnableToActivateCard, UnableToFindCard
from warchest.catalogue.contract import UnableToOffer
from warchest.charging.contract import UnableToSpend
from warchest.config.wsgi import application
from warchest.journeys.hold_units import reserve_units
from warchest.journeys.prolong_subscription import UnableToProlong
from warchest.journeys.refusals import explain
from warchest.kernel.currency import UnableToFindCurrency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money, UnableToReadAmount
from warchest.members.contract import UnableToFindPlayer, UnableToRegister
from warchest.payments.contract import (
    UnableToFindPayment,
    UnableToOrderAutoTopUp,
    UnableToReceiveNotice,
    UnableToTopUp,
    UnableToTopUpByItself,
    UnableToUseMethod,
    UnableToUseProvider,
)
from warchest.referrals.contract import UnableToJoin, UnableToListReferrals
from warchest.runtime.command import UnableToUseKey
from warchest.sdk.payments import UnableToTrustNotice
from warchest.subscriptions.contract import UnableToGrant, UnableToListChanges

CHECKS = [
    not_a_server_error,
    response_schema_conformance,
    content_type_conformance,
    status_code_conformance,
]


def a_hold(player: str) -> str:
    units = Money.parse("1000", "XCR")
    return str(
        reserve_units(
            a_command(), player=UUID(player), amount=units, purpose="match", expires_in_s=10**9
        ).answer.id
    )


@pytest.fixture
def specification(database: str) -> dict[str, Any]:
    return Client().get("/api/v1/openapi.json").json()


class TestSpecification:
    @pytest.mark.use_case("INT-06")
    def test_is_a_valid_one(self, specification):
        assert specification["openapi"].startswith("3.1")
        for schema in specification["components"]["schemas"].values():
            jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})

    def test_names_every_call_that_others_rely_on(self, specification):
        calls = {
            f"{method.upper()} {path.removeprefix('/api/v1')}"
            for path, methods in specification["paths"].items()
            for method in methods
        }
        assert calls == {
            "POST /players",
            "GET /players/{player_id}",
            "GET /players/{player_id}/wallet",
            "GET /players/{player_id}/statement",
            "POST /players/{player_id}/top-ups",
            "GET /players/{player_id}/payment-methods",
            "DELETE /players/{player_id}/payment-methods/{method_id}",
            "GET /players/{player_id}/auto-top-up",
            "PUT /players/{player_id}/auto-top-up",
            "DELETE /players/{player_id}/auto-top-up",
            "GET /players/{player_id}/auto-top-up/runs",
            "GET /players/{player_id}/purchases/offer",
            "POST /players/{player_id}/purchases",
            "GET /players/{player_id}/withdrawals",
            "POST /players/{player_id}/withdrawals",
            "GET /passes/{player_id}",
            "GET /payments/{payment_id}",
            "POST /payments/{payment_id}/refunds",
            "POST /payments/{payment_id}/cancel",
            "POST /payments/{payment_id}/attempts",
            "GET /payments/{payment_id}/refunds",
            "GET /payments/{payment_id}/documents",
            "GET /documents/{document_id}/pdf",
            "GET /players/{player_id}/documents",
            "GET /documents/{document_id}",
            "POST /notices/{provider}",
            "GET /stores/{name}",
            "POST /stores/{name}",
            "GET /catalogue",
            "POST /players/{player_id}/subscriptions",
            "GET /players/{player_id}/subscriptions",
            "GET /entitlements/{player_id}/{online_service_id}",
            "GET /entitlement-changes",
            "GET /virtual-cards",
            "POST /players/{player_id}/virtual-cards",
            "GET /players/{player_id}/virtual-cards",
            "GET /players/{player_id}/virtual-cards/{card_id}",
            "POST /players/{player_id}/virtual-cards/{card_id}/code",
            "POST /players/{player_id}/virtual-cards/{card_id}/cancellation",
            "POST /players/{player_id}/virtual-cards/{card_id}/recipient",
            "POST /cards/activations",
            "GET /cards/{serial}",
            "POST /cards/{serial}/sale",
            "POST /cards/{serial}/sale/reversal",
            "GET /till-requests/{request_id}",
            "POST /holds",
            "GET /holds/{hold_id}",
            "POST /holds/{hold_id}/capture",
            "POST /holds/{hold_id}/void",
            "POST /transfers",
            "GET /transfers/{transfer_id}",
            "POST /transfers/{transfer_id}/cancel",
            "GET /players/{player_id}/downline",
            "GET /players/{player_id}/commissions",
        }

    def test_tells_of_each_write_that_it_needs_a_key_and_of_each_call_its_scope(self, specification):
        for path, methods in specification["paths"].items():
            for method, call in methods.items():
                if "/notices/" in path or "/stores/" in path:
                    assert "security" not in call
                    continue
                ((scopes,),) = [list(need.values()) for need in call["security"]]
                assert len(scopes) == 1, path
                headers = [place["name"] for place in call["parameters"] if place["in"] == "header"]
                has_own_ids = "/sale" in path
                assert headers == (
                    ["Idempotency-Key"] if method in ("post", "put", "delete") and not has_own_ids else []
                ), path


@pytest.mark.use_case("INT-06")
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_the_server_or_its_word(database, mode):
    """``positive`` sends what is documented, for players that exist; ``negative`` what is not."""
    authorization = {"Authorization": f"Bearer {an_api_client(calls_per_second=100_000)}"}
    player = str(a_player(with_units="1000000000").id)
    known = {
        "player_id": player,
        "online_service_id": str(ARENA),
        "player": player,
        "plan": str(ARENA_MONTH),
        "hold_id": a_hold(player),
        "country": "DE",
        "language": "en",
    }
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)

    for found in schema.get_all_operations():
        operation = found.ok()
        places = {parameter.name for parameter in operation.path_parameters}
        real = {name: value for name, value in known.items() if name in places}
        more = {"path_parameters": real} if real and mode is GenerationMode.POSITIVE else {}

        @given(case=operation.as_strategy(generation_mode=mode, **more))
        @settings(
            max_examples=10,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: schemathesis.Case) -> None:
            if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
                case.body |= {name: known[name] for name in known.keys() & case.body.keys()}
            case.call_and_validate(headers=authorization, checks=CHECKS)

        holds()


REFUSALS = (
    UnableToActivateCard,
    UnableToFindCard,
    UnableToFindCurrency,
    UnableToFindPayment,
    UnableToFindPlayer,
    UnableToGrant,
    UnableToJoin,
    UnableToListChanges,
    UnableToListReferrals,
    UnableToOffer,
    UnableToOrderAutoTopUp,
    UnableToProlong,
    UnableToQuote,
    UnableToReadAmount,
    UnableToReceiveNotice,
    UnableToRegister,
    UnableToServe,
    UnableToSpend,
    UnableToTopUp,
    UnableToTopUpByItself,
    UnableToTrustNotice,
    UnableToTurnPage,
    UnableToUseKey,
    UnableToUseMethod,
    UnableToUseProvider,
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_is_told_in_words_of_its_own(refusal):
    """None falls back to the general sentence."""
    general = explain(UnableTo("a reason that nobody has")).text
    for reason in refusal.reasons - {"batch_unknown"}:
        assert explain(refusal(reason)).text != general, reason
