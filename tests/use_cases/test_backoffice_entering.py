"""Getting into the back office: a certificate, a password, and both of the same person."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from tests.builders.backoffice import PASSWORD, BackOffice, as_operator
from warchest.audit.contract import Audit, OperationFilter
from warchest.journeys import administer
from warchest.members.contract import Members, Role
from warchest.runtime.services import services

REFUSED = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)


@pytest.mark.use_case("ADM-01")
class TestEntering:
    def test_takes_a_certificate_and_a_password_and_is_recorded_with_both(self, office: BackOffice) -> None:
        owner = office.visitor(Role.OWNER)
        assert owner.client.get("/", follow_redirects=True).url.path == "/sign-in"

        wrong = owner.sign_in(password="something else")
        assert wrong.status_code == 403 and "Nothing was opened" in wrong.text
        inside = owner.sign_in()
        assert inside.url.path == "/" and "Waiting for you" in inside.text

        own = OperationFilter(name="backoffice.sign_in", actor_id=str(owner.administrator.id))
        lines = services.get(Audit).operations(where=own).items
        assert [(line.outcome, line.certificate) for line in lines] == [
            ("done", owner.certificate.fingerprint),
            ("refused", owner.certificate.fingerprint),
        ]
        kept = services.get(Members).certificate(serial=owner.certificate.serial)
        assert kept.last_used_at is not None

        signed_out = owner.submit("/", action="/logout/")
        assert signed_out.url.path == "/sign-in"

    def test_refuses_another_persons_password_behind_ones_own_certificate(self, office: BackOffice) -> None:
        owner, support = office.visitor(Role.OWNER), office.visitor(Role.SUPPORT)
        answer = support.sign_in(username=owner.administrator.username)
        assert answer.status_code == 403
        assert support.get("/").status_code == 302

    def test_stops_listening_to_who_tries_too_often(self, office: BackOffice) -> None:
        support = office.visitor(Role.SUPPORT)
        for _ in range(5):
            support.sign_in(password="guessing")
        assert "Too many attempts" in support.sign_in().text

    def test_a_session_is_dead_with_another_certificate_even_the_same_persons(
        self, office: BackOffice
    ) -> None:
        owner = office.signed_in(Role.OWNER)
        second = administer.issue_certificate(as_operator(), administrator_id=owner.administrator.id)
        elsewhere = office.with_certificate(owner.administrator, second)
        elsewhere.client.cookies = owner.client.cookies
        assert elsewhere.get("/members/player/").headers["Location"] == "/sign-in"
        # The session was emptied, so that it is of no use to the first certificate either.
        assert owner.get("/members/player/").status_code == 302

    def test_cookies_are_the_back_offices_own_and_travel_only_over_tls(self, office: BackOffice) -> None:
        owner = office.visitor(Role.OWNER)
        token = owner.client.get("/sign-in").cookies["warchest_backoffice_csrf"]
        answer = owner.client.post(
            "/sign-in",
            data={
                "username": owner.administrator.username,
                "password": PASSWORD,
                "csrfmiddlewaretoken": token,
            },
            headers={"Referer": office.url + "/sign-in"},
        )
        cookie = next(
            line
            for line in answer.headers.get_list("set-cookie")
            if line.startswith("warchest_backoffice_session=")
        )
        assert all(mark in cookie for mark in ("Secure", "HttpOnly", "SameSite=Strict"))


@pytest.mark.use_case("ADM-01")
class TestCertificates:
    def test_one_is_issued_shown_once_and_opens_the_door_until_it_is_revoked(
        self, office: BackOffice
    ) -> None:
        owner, support = office.signed_in(Role.OWNER), office.visitor(Role.SUPPORT)
        action = f"/administrators/{support.administrator.id}/certificate"
        issued = owner.submit("/administrators", action=action, days="30")
        assert "Shown once" in issued.text and "application/x-pkcs12;base64," in issued.text
        assert "no-store" in issued.headers["Cache-Control"]
        assert owner.client.get(action).headers["Location"] == "/administrators"
        newest, first = services.get(Members).certificates(administrator_id=support.administrator.id)
        assert (newest.not_after - datetime.now(UTC)).days in (29, 30)

        assert support.sign_in().url.path == "/"
        owner.submit("/administrators", action="/administrators/revoke", serial=first.serial)
        with pytest.raises(REFUSED):
            support.client.get("/")
            support.client.get("/")

    def test_are_not_issued_by_who_lacks_the_right(self, office: BackOffice) -> None:
        support, owner = office.signed_in(Role.SUPPORT), office.visitor(Role.OWNER)
        page = support.page("/")
        assert not page.select('a[href="/administrators"]')
        assert support.get("/administrators").status_code == 403
        token = support.client.cookies["warchest_backoffice_csrf"]
        answer = support.post(
            f"/administrators/{owner.administrator.id}/certificate", csrfmiddlewaretoken=token, days="30"
        )
        assert answer.status_code == 403 or "Your role does not allow this." in answer.text
        assert len(services.get(Members).certificates(administrator_id=owner.administrator.id)) == 1
        tried = OperationFilter(name="certificates.issue", actor_id=str(support.administrator.id))
        lines = services.get(Audit).operations(where=tried).items
        assert [(line.outcome, line.reason) for line in lines] == [("refused", "right_missing")]

    @pytest.mark.use_case("ADM-12")
    def test_are_listed_with_their_administrators_and_last_use(self, office: BackOffice) -> None:
        owner = office.signed_in(Role.OWNER)
        text = owner.page("/administrators").get_text(" ", strip=True)
        assert owner.administrator.username in text and "last sign-in" in text and "this browser" in text


@pytest.mark.use_case("ADM-18")
def test_everyone_chooses_a_language_of_their_own(office: BackOffice) -> None:
    owner = office.signed_in(Role.OWNER)
    owner.submit("/", action="/i18n/setlang/", language="de")
    assert owner.page("/").html["lang"] == "de"
