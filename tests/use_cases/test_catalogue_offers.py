"""What is offered to whom, in which language and currency, and what a catalogue refuses to hold."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.builders.house import ARENA, ARENA_MONTH, FOUNDED_AT
from tests.builders.people import NOW
from warchest.catalogue.contract import (
    Catalogue,
    OfferState,
    UnableToEditCatalogue,
    UnableToFindInCatalogue,
    UnableToOffer,
    in_language,
)
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")
MONTH = Term(1, TermUnit.MONTH)


def listed(*, country="DE", currency="EUR", language="en", at=NOW):
    return services.get(Catalogue).catalogue(country=country, currency=currency, language=language, at=at)


def add_service(
    *, code="league", state=OfferState.OFFERED, countries=(), plan_state=OfferState.OFFERED, price="300"
):
    """A service with one monthly plan for units; answers the plan's id."""
    catalogue, service, plan = services.get(Catalogue), new_id(), new_id()
    catalogue.add_online_service(
        online_service_id=service,
        code=code,
        names={"en": "League", "de": "Liga"},
        texts={"de": "Jede Woche."},
        order=-1,
        countries=countries,
        state=state,
    )
    catalogue.add_plan(
        plan_id=plan,
        online_service_id=service,
        code="month",
        names={"en": "Month"},
        term=MONTH,
        state=plan_state,
    )
    if price:
        catalogue.add_price(
            plan_id=plan, amount=Money.parse(price, "XCR"), valid_from=FOUNDED_AT, at=FOUNDED_AT
        )
    return plan


@pytest.mark.use_case("SVC-07", "SVC-08", "SVC-14")
class TestBrowsing:
    @pytest.mark.parametrize(
        ("currency", "price"), [("EUR", "5.00 EUR"), ("USD", "5.50 USD"), ("JPY", "820 JPY"), ("KWD", "None")]
    )
    def test_prices_in_the_currency_asked_for_and_always_in_units(self, currency, price):
        (arena,) = listed(currency=currency)
        assert str(arena.plans[0].price) == price
        assert [str(plan.price_units) for plan in arena.plans] == ["500.00 XCR", "5000.00 XCR"]

    @pytest.mark.parametrize(
        ("language", "name"), [("de", "Liga"), ("de-AT", "Liga"), ("en", "League"), ("ja", "League")]
    )
    def test_names_in_the_language_asked_for_else_in_english(self, language, name):
        add_service()
        assert listed(language=language)[0].name == name

    def test_a_text_without_english_is_shown_as_it_is(self):
        assert in_language({"de": "Jede Woche."}, "fr") == "Jede Woche."
        assert in_language({}, "fr") == ""

    def test_services_come_in_their_order(self):
        add_service()
        assert [service.code for service in listed()] == ["league", "arena"]

    @pytest.mark.parametrize(
        "hidden",
        [
            {"state": OfferState.DRAFT},
            {"state": OfferState.RETIRED},
            {"plan_state": OfferState.RETIRED},
            {"countries": ["FR", "JP"]},
            {"price": ""},
        ],
    )
    def test_what_cannot_be_bought_is_neither_listed_nor_offered(self, hidden):
        plan = add_service(**hidden)
        assert [service.code for service in listed()] == ["arena"]
        with pytest.raises(UnableToOffer) as refusal:
            services.get(Catalogue).offer(plan_id=plan, country="DE", at=NOW)
        assert refusal.value.reason == "plan_not_offered"

    def test_a_service_limited_to_countries_is_offered_there(self):
        plan = add_service(countries=["FR", "DE"])
        assert services.get(Catalogue).offer(plan_id=plan, country="DE", at=NOW).plan.id == plan


class TestPrices:
    def test_each_is_in_force_until_the_next(self):
        catalogue = services.get(Catalogue)
        tomorrow = NOW + timedelta(days=1)
        catalogue.add_price(
            plan_id=ARENA_MONTH, amount=Money.parse("6.00", "EUR"), valid_from=tomorrow, at=NOW
        )
        for at, price in (
            (FOUNDED_AT - timedelta(seconds=1), "None"),
            (FOUNDED_AT, "5.00 EUR"),
            (tomorrow - timedelta(microseconds=1), "5.00 EUR"),
            (tomorrow, "6.00 EUR"),
        ):
            assert str(catalogue.plan(plan_id=ARENA_MONTH, at=at).price_in("EUR")) == price

    @pytest.mark.parametrize(
        ("amount", "begins_in", "reason"),
        [
            ("0 EUR", timedelta(0), "price_not_positive"),
            ("6.00 EUR", timedelta(seconds=-1), "price_in_past"),
            ("7.00 EUR", timedelta(days=1), "price_exists"),
        ],
    )
    def test_refused(self, amount, begins_in, reason):
        catalogue = services.get(Catalogue)
        there = {"valid_from": NOW + timedelta(days=1), "at": NOW, "plan_id": ARENA_MONTH}
        catalogue.add_price(amount=Money.parse("6.00", "EUR"), **there)
        assert catalogue.add_price(amount=Money.parse("6.00", "EUR"), **there).amount.major == "6.00"
        with pytest.raises(UnableToEditCatalogue) as refusal:
            catalogue.add_price(
                plan_id=ARENA_MONTH, amount=Money.parse(*amount.split()), valid_from=NOW + begins_in, at=NOW
            )
        assert refusal.value.reason == reason

    @pytest.mark.parametrize(
        "attack", ["UPDATE catalogue_price SET amount_minor = 1", "DELETE FROM catalogue_price"]
    )
    def test_never_changed_not_even_by_the_owner_of_the_database(self, superuser_dsn_of, attack):
        attacker = psycopg.connect(superuser_dsn_of("catalogue"))
        with attacker, pytest.raises(psycopg.Error, match="append-only"):
            attacker.execute(attack)


class TestEditing:
    def test_repeated_with_the_same_id_it_is_one(self):
        catalogue, service = services.get(Catalogue), new_id()
        for _ in range(2):
            catalogue.add_online_service(online_service_id=service, code="cup", names={"en": "Cup"}, texts={})
        assert [found.code for found in catalogue.online_services()] == ["arena", "cup"]

    @pytest.mark.parametrize(
        ("service", "reason"),
        [
            ({"code": "arena"}, "code_taken"),
            ({"code": "Big Arena"}, "code_malformed"),
            ({"names": {}}, "name_missing"),
            ({"countries": ["XX"]}, "country_unknown"),
        ],
    )
    def test_refused(self, service, reason):
        given = {"code": "cup", "names": {"en": "Cup"}, "texts": {}} | service
        with pytest.raises(UnableToEditCatalogue) as refusal:
            services.get(Catalogue).add_online_service(online_service_id=new_id(), **given)
        assert refusal.value.reason == reason

    def test_a_plans_code_is_taken_within_its_service_only(self):
        add_service()
        plan = {"plan_id": new_id(), "names": {"en": "Month"}, "term": MONTH, "online_service_id": ARENA}
        with pytest.raises(UnableToEditCatalogue) as refusal:
            services.get(Catalogue).add_plan(code="arena-month", **plan)
        assert refusal.value.reason == "code_taken"
        assert services.get(Catalogue).add_plan(code="month", **plan).prices == ()

    def test_what_is_unknown(self):
        catalogue = services.get(Catalogue)
        with pytest.raises(UnableToFindInCatalogue, match="plan_unknown"):
            catalogue.plan(plan_id=new_id(), at=NOW)
        with pytest.raises(UnableToFindInCatalogue, match="online_service_unknown"):
            catalogue.online_service(online_service_id=new_id())
