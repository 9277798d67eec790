"""A batch of cards through the back office: ordered by one, approved by another, made, handed over, looked up."""

from __future__ import annotations

import re
import time
from hashlib import sha256
from uuid import UUID

import pyrage
import pytest

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.cards import a_batch
from tests.builders.people import a_command, a_player
from tests.builders.resellers import a_reseller
from warchest.audit.contract import Audit, OperationFilter
from warchest.cards.contract import BatchState, Cards
from warchest.jobs.batches import make_batches
from warchest.journeys.activate_card import activate_card
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services

ORDER = {
    "quantity": "40",
    "gives": "money",
    "worth_amount": "10.00",
    "worth_currency": "EUR",
    "face_amount": "10.00",
    "face_currency": "EUR",
    "reseller": "Kiosk North",
    "margin_percent": "7.5",
}


def ordered(clerk: Visitor, **fields: str) -> str:
    """The path of the page of a batch just ordered."""
    answer = clerk.submit("/batches/order", **(ORDER | fields))
    assert re.fullmatch(r"/batches/[0-9a-f-]{36}", answer.url.path), answer.text[:3000]
    return answer.url.path


def made_by_the_worker(path: str) -> None:
    assert make_batches(at=now()) == 1
    assert services.get(Cards).batch(batch_id=id_of(path)).state is BatchState.GENERATED


def until_fetched(path: str) -> None:
    """What the other side has, our server knows a moment later."""
    deadline = time.monotonic() + 30
    while services.get(Cards).hand_overs(batch_id=id_of(path))[0].fetched_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def id_of(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[1])


@pytest.mark.use_case("CRD-18")
@pytest.mark.use_case("CRD-23")
def test_a_batch_goes_from_the_order_to_the_hand_over_and_its_cards_are_looked_up(office: BackOffice) -> None:
    clerk, owner, support = (
        office.signed_in(role) for role in (Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT)
    )
    path = ordered(clerk, spares="4")

    assert path in {link["href"] for link in owner.page("/").select(".wb-tasks a")}
    page = owner.page(path).get_text(" ", strip=True)
    for matter in (
        "40 cards, 400.00",
        "Kiosk North",
        "7.5 %",
        "75 random bits",
        clerk.administrator.username,
    ):
        assert matter in page.replace("\u00a0", " "), matter
    assert "Approved." in owner.submit(path, action=f"{path}/approve").text

    assert "The cards are being made." in clerk.submit(path, action=f"{path}/generate").text
    made_by_the_worker(path)

    printer = pyrage.x25519.Identity.generate()
    clerk.submit(
        "/printers",
        action="/printers/add",
        name="south",
        title="Print house South",
        key_of_printer=str(printer.to_public()),
    )
    assert (
        "A second person confirms it." in clerk.submit(path, action=f"{path}/hand-over", printer="south").text
    )
    asked = services.get(Cards).hand_overs(batch_id=id_of(path))[0]
    confirm = f"/hand-overs/{asked.id}/confirm"
    # Who asked has no button; who has one sees the key's fingerprint, to compare it.
    assert not clerk.page(path).select(f'form[action="{confirm}"]')
    shown = owner.page(path).get_text(" ", strip=True).replace(" ", "")
    assert sha256(str(printer.to_public()).encode()).hexdigest() in shown
    assert "can be fetched once" in owner.submit(path, action=confirm).text
    file = clerk.submit(path, action=f"{path}/file")
    assert (
        file.headers["Content-Disposition"].startswith("attachment")
        and "no-store" in file.headers["Cache-Control"]
    )
    plain = pyrage.decrypt(file.content, [printer])
    given = services.get(Cards).hand_overs(batch_id=id_of(path))[0]
    assert sha256(plain).hexdigest() == given.control_digest
    until_fetched(path)
    head, *lines = plain.decode().strip().splitlines()
    assert len(lines) == 44 and head.startswith("Batch,Serial,Pin")
    assert not clerk.page(path).select(f'form[action="{path}/file"], form[action="{path}/hand-over"]')
    _batch, serial, code = lines[0].split(",")

    life = support.page("/card", serial=serial).get_text(" ", strip=True)
    assert "It can be activated." in life and "codes fetched for printing" in life
    assert code.replace("-", "") not in life.replace("-", "")
    player = a_player(nickname="finder")
    activate_card(a_command(at=now()), player=player.id, code=code)
    assert "It was activated already" in support.page("/card", serial=serial.lower()).get_text(
        " ", strip=True
    )
    assert "1 of 40 cards were activated" in owner.page(path).get_text(" ", strip=True)

    done = services.get(Audit).operations(where=OperationFilter(subject_id=str(id_of(path)))).items
    assert {(line.name, line.channel, bool(line.certificate)) for line in done} >= {
        ("cards.order_batch", "backoffice", True),
        ("cards.approve_batch", "backoffice", True),
        ("cards.ask_for_cards", "backoffice", True),
        ("cards.generate_batch", "job", False),
        ("cards.ask_hand_over", "backoffice", True),
        ("cards.fetch_print_file", "backoffice", True),
        ("cards.hand_over_batch", "backoffice", True),
    }


def test_nobody_approves_their_own_order_not_even_by_sending_the_form(office: BackOffice) -> None:
    owner = office.signed_in(Role.OWNER)
    path = ordered(owner)
    page = owner.page(path)
    assert not page.select(f'form[action="{path}/approve"]')
    assert "nobody decides on a request of their own" in page.get_text()
    assert path not in {link["href"] for link in owner.page("/").select(".wb-tasks a")}

    batch = services.get(Cards).batch(batch_id=id_of(path))
    token = owner.client.cookies["warchest_backoffice_csrf"]
    answer = owner.post(f"{path}/approve", csrfmiddlewaretoken=token, digest=batch.digest)
    assert "Nobody decides on a request of their own." in answer.text
    assert services.get(Cards).batch(batch_id=batch.id).state is BatchState.ORDERED


@pytest.mark.use_case("CRD-19")
def test_the_owner_refuses_with_a_reason_that_everybody_reads(office: BackOffice) -> None:
    clerk, owner = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.OWNER)
    path = ordered(clerk)
    owner.submit(path, action=f"{path}/refuse", reason="Kiosk North still owes for the last")
    assert "Kiosk North still owes for the last" in clerk.page(path).get_text()
    assert not owner.page(path).select(f'form[action="{path}/approve"]')


def test_without_the_right_there_is_no_button_and_the_journey_refuses(office: BackOffice) -> None:
    clerk, support = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.SUPPORT)
    path = ordered(clerk)
    assert not clerk.page(path).select(f'form[action="{path}/approve"]')
    assert not support.page("/").select('a[href="/batches/order"]')
    assert support.get("/batches/order").status_code == 403
    token = support.client.cookies["warchest_backoffice_csrf"]
    for visitor, action in ((clerk, "approve"), (support, "generate")):
        token = visitor.client.cookies["warchest_backoffice_csrf"]
        answer = visitor.post(f"{path}/{action}", csrfmiddlewaretoken=token, digest="x")
        assert "Your role does not allow this." in answer.text


def test_one_like_the_last_is_one_click_and_a_form_sent_twice_orders_once(office: BackOffice) -> None:
    clerk = office.signed_in(Role.ADMINISTRATOR)
    path = ordered(clerk)
    page = clerk.page("/batches/order", like=str(id_of(path)))
    assert (
        page.select_one("#id_quantity")["value"] == "40"
        and page.select_one("#id_reseller")["value"] == "Kiosk North"
    )

    fields = ORDER | {
        "serial_prefix": "WC",
        "code_length": "16",
        "key": page.select_one("main input[name=key], #main input[name=key]")["value"],
        "csrfmiddlewaretoken": clerk.client.cookies["warchest_backoffice_csrf"],
    }
    ordered_before = len(services.get(Cards).batches())
    first, second = (clerk.post("/batches/order", **fields).url.path for _ in range(2))
    assert first == second != path
    assert len(services.get(Cards).batches()) == ordered_before + 1


@pytest.mark.use_case("CRD-17")
def test_the_queue_shows_what_matters_and_a_change_is_seen(office: BackOffice) -> None:
    clerk, owner = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.OWNER)
    path = ordered(clerk)
    queue = owner.page("/batches/approvals").get_text(" ", strip=True).replace("\u00a0", " ")
    for matter in (
        clerk.administrator.username,
        "at the hand-over; Kiosk North then owes us",
        "370.00",
        "Kiosk North owes us",
        "75 random bits",
    ):
        assert matter in queue, matter
    assert "Approved." in owner.submit("/batches/approvals", action=f"{path}/approve").text

    # Changed afterwards: the approval is void, and the owner sees what is other than before.
    page = clerk.page(f"{path}/amend")
    assert "the approval is void" in page.get_text()
    clerk.submit(f"{path}/amend", quantity="60", gives="money", sale="reseller", spares="5")
    batch = services.get(Cards).batch(batch_id=id_of(path))
    assert (batch.state, batch.version, batch.terms.quantity) == (BatchState.ORDERED, 2, 60)
    changed = owner.page("/batches/approvals")
    assert [row.get_text(" ", strip=True) for row in changed.select("del")][:2] == ["40", "–"]
    assert [row.get_text(" ", strip=True) for row in changed.select("ins")][:2] == ["60", "5"]
    assert not clerk.page(path).select(f'form[action="{path}/approve"]')
    owner.submit("/batches/approvals", action=f"{path}/approve")
    assert services.get(Cards).batch(batch_id=batch.id).state is BatchState.APPROVED


@pytest.mark.use_case("CRD-17")
def test_the_queue_tells_of_a_resellers_limit(office: BackOffice) -> None:
    clerk, owner = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.OWNER)
    seller = a_reseller(credit="300.00")
    path = ordered(clerk, reseller=seller.name)
    page = owner.page(path).get_text(" ", strip=True).replace("\u00a0", " ")
    # 400.00 less 7.5 per cent is 370.00.
    assert "With this batch it would owe 70.00 EUR more than its credit limit." in page
    assert "Overdue 0.00 EUR" in page and "Credit limit 300.00 EUR" in page


@pytest.mark.use_case("CRD-20")
@pytest.mark.use_case("CRD-21")
@pytest.mark.use_case("CRD-22")
def test_progress_is_told_and_batches_are_cancelled_and_closed(office: BackOffice) -> None:
    clerk, owner = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.OWNER)
    path = ordered(clerk)
    owner.submit(path, action=f"{path}/approve")
    clerk.submit(path, action=f"{path}/generate")
    assert "The cards are being made" in clerk.page(path).get_text()
    assert clerk.get(f"{path}/progress").json() == {"done": 0, "total": 40, "waits": True}
    made_by_the_worker(path)
    assert clerk.get(f"{path}/progress").json() == {"done": 40, "total": 40, "waits": False}
    assert "Cancelled." in clerk.submit(path, action=f"{path}/cancel", reason="wrong price").text
    page = clerk.page(path).get_text(" ", strip=True)
    assert "wrong price" in page and "void" in page

    closed = a_batch(quantity=10, spares=2)
    place = f"/batches/{closed.id}"
    spoiled = closed.cards[0].serial
    answer = clerk.submit(place, action=f"{place}/spoiled", serials=spoiled, reason="torn")
    assert f"{closed.cards[10].serial} takes its place." in answer.text
    activate_card(a_command(at=now()), player=a_player(country="AT").id, code=closed.cards[1].code)
    assert "AT" in clerk.page(place).select_one(".wb-heat").get_text()
    assert "Closed. 1 card is void." in clerk.submit(place, action=f"{place}/close").text


@pytest.mark.use_case("CRD-08")
def test_a_lost_card_is_blocked_and_support_reads_why(office: BackOffice) -> None:
    clerk, owner, support = (
        office.signed_in(role) for role in (Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT)
    )
    path = ordered(clerk)
    owner.submit(path, action=f"{path}/approve")
    clerk.submit(path, action=f"{path}/generate")
    made_by_the_worker(path)
    batch = services.get(Cards).batch(batch_id=id_of(path))
    answer = support.submit(
        f"/card/{batch.first_serial}", action="/block-cards", reason="stolen from the desk"
    )
    assert "1 card blocked." in answer.text
    page = support.page(f"/card/{batch.first_serial}").get_text(" ", strip=True)
    assert "It is blocked" in page and "stolen from the desk" in page
