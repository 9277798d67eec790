"""Who is let in, as journeys tell it: administrators, certificates, keys of programs."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.builders.backoffice import as_operator
from tests.builders.people import a_command, acting_as, an_administrator
from warchest.journeys import administer
from warchest.members.contract import Members, Role, UnableToAdminister, UnableToRegister
from warchest.runtime.command import Actor, ActorKind
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.use_case("ADM-01")
class TestAnAdministrator:
    def test_is_taken_on_with_a_certificate_of_their_own(self) -> None:
        made = administer.take_on_administrator(
            as_operator(), username="noor", password="correct horse battery", role=Role.OWNER
        )
        assert (
            services.get(Members).administrator_for(fingerprint=made.certificate.fingerprint)
            == made.administrator
        )
        assert administer.count_administrators() == 1

    def test_is_taken_on_by_an_owner_only(self) -> None:
        for role in set(Role) - {Role.OWNER}:
            with pytest.raises(UnableToAdminister, match="right_missing"):
                administer.take_on_administrator(
                    acting_as(an_administrator(role)),
                    username="x",
                    password="correct horse battery",
                    role=Role.SUPPORT,
                )

    def test_needs_a_password_that_is_none_of_the_usual_ones(self) -> None:
        with pytest.raises(UnableToRegister, match="password_too_weak"):
            administer.take_on_administrator(
                as_operator(), username="zoe", password="1234567890", role=Role.SUPPORT
            )

    def test_has_a_certificate_for_two_years_at_most(self) -> None:
        with pytest.raises(administer.UnableToIssue, match="certificate_days_out_of_range"):
            administer.issue_certificate(
                as_operator(),
                administrator_id=an_administrator(Role.OWNER).id,
                days=administer.CERTIFICATE_DAYS_MAX + 1,
            )

    def test_is_locked_out_by_the_books_and_by_the_list_when_the_certificate_is_revoked(self) -> None:
        owner = an_administrator(Role.OWNER)
        made = administer.issue_certificate(as_operator(), administrator_id=owner.id)
        administer.revoke_certificate(as_operator(), serial=made.serial)
        assert services.get(Members).administrator_for(fingerprint=made.fingerprint) is None
        assert made.serial in administer.authority(now=as_operator().at).revoked_serials()


class TestAKeyOfAProgram:
    def test_opens_what_its_scopes_say_until_it_is_revoked(self) -> None:
        key = administer.issue_api_key(as_operator(), name="till", scopes=["cards:sell"], calls_per_second=5)
        client = services.get(Members).api_client_for(key=key)
        assert client is not None and {str(scope) for scope in client.scopes} == {"cards:sell"}
        administer.revoke_api_client(as_operator(), client_id=client.id)
        assert services.get(Members).api_client_for(key=key) is None

    @pytest.mark.parametrize(
        ("name", "scopes", "reason"),
        [(" ", ["cards:sell"], "api_client_name_missing"), ("till", [], "scopes_missing")],
    )
    def test_needs_a_name_and_a_scope(self, name: str, scopes: list[str], reason: str) -> None:
        with pytest.raises(administer.UnableToIssue, match=reason):
            administer.issue_api_key(as_operator(), name=name, scopes=scopes, calls_per_second=5)

    @pytest.mark.parametrize("calls", [0, -1, administer.CALLS_PER_SECOND_MAX + 1, 2**40])
    def test_may_call_as_often_as_can_be_counted(self, calls: int) -> None:
        owner = acting_as(an_administrator(Role.OWNER))
        with pytest.raises(administer.UnableToIssue, match="calls_per_second_out_of_range"):
            administer.issue_api_key(owner, name="Game", scopes=["players:read"], calls_per_second=calls)

    def test_is_issued_by_no_program_and_no_player(self) -> None:
        for kind in (ActorKind.API_CLIENT, ActorKind.PLAYER):
            with pytest.raises(UnableToAdminister, match="right_missing"):
                administer.issue_api_key(
                    a_command(actor=Actor(kind, "x")), name="till", scopes=["cards:sell"], calls_per_second=5
                )


def test_no_secret_is_kept_in_what_journeys_remember() -> None:
    made = administer.take_on_administrator(
        as_operator(), username="noor", password="correct horse battery", role=Role.OWNER
    )
    key = administer.issue_api_key(as_operator(), name="till", scopes=["cards:sell"], calls_per_second=5)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT answer FROM runtime_idempotencykey UNION ALL SELECT details::text FROM runtime_operation"
        )
        kept = "\n".join(row[0] for row in cursor.fetchall())
    for secret in ("correct horse", key, made.certificate.pkcs12_passphrase, "PRIVATE KEY"):
        assert secret not in kept
