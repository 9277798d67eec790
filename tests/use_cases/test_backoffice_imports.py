"""Cards of an older system through the back office: checked, ordered by one, approved by another, taken in from the same file."""

from __future__ import annotations

import re
from hashlib import sha1, sha256
from uuid import UUID

import pytest

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player
from warchest.audit.contract import Audit, OperationFilter
from warchest.cards.contract import BatchState, Cards
from warchest.journeys.activate_card import activate_card
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services

pytestmark = pytest.mark.use_case("CRD-16")
CODES = ["4711 0815 2342 1701", "4711 0815 2342 1702"]
FILE = "\n".join(
    [
        "Serial,Hash,LastFour",
        *(
            f"GUILD-{number},{sha1(code.replace(' ', '').encode()).hexdigest()},{code[-4:]}"
            for number, code in enumerate(CODES, 1)
        ),
    ]
).encode()


def send(visitor: Visitor, path: str, *, to: str, file: bytes, **fields: str) -> str:
    """Choose a file in the form of a page, and send it: the text of the page that follows."""
    form = next(one for one in visitor.page(path).select("form[enctype]") if one["action"] == to)
    hidden = {one["name"]: one["value"] for one in form.select("input[type=hidden]")}
    answer = visitor.client.post(
        to,
        data=hidden | fields,
        files={"file": ("cards.csv", file, "text/csv")},
        headers={"Referer": visitor.url + path},
        follow_redirects=True,
    )
    return answer.text


def test_an_older_systems_cards_become_good_here(office: BackOffice) -> None:
    clerk, owner, support = (
        office.signed_in(role) for role in (Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT)
    )
    place = "/batches/import"
    broken = send(clerk, place, to=place, file=FILE + b"\nGUILD1," + b"0" * 40 + b",1234", scheme="guildhall")
    assert "Line 4: serial GUILD1 stands in the file before." in broken
    wrong = send(clerk, place, to=place, file=FILE, scheme="guildhall", code="4711 0815 2342 1703")
    assert "No card of the file has this code" in wrong and "Order the import" not in wrong
    shown = send(clerk, place, to=place, file=FILE, scheme="guildhall", code=CODES[1])
    assert "is that of card GUILD2" in shown and CODES[1] not in shown
    assert "2 cards can be taken in" in shown and "GUILD1</code> – <code>GUILD2" in shown
    digest = sha256(FILE).hexdigest()
    assert digest in shown.replace(" ", "")
    key = re.search(r'name="key" value="([^"]+)"', shown)
    assert key
    # The form is on the page that answered the file; what it says of the file goes along.
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown)
    assert token
    answer = clerk.post(
        f"{place}/order",
        referer=place,
        csrfmiddlewaretoken=token[1],
        key=key[1],
        quantity="2",
        import_digest=digest,
        import_scheme="guildhall",
        gives="money",
        worth_amount="10.00",
        worth_currency="EUR",
        face_amount="10.00",
        face_currency="EUR",
        sale="reseller",
        reseller="guild-shop",
        owed_from="other_liabilities",
        alphabet="crockford",
        code_length="16",
        group_size="4",
        serial_prefix="OLD",
        serial_digits="7",
        first_number="1",
    )
    path = answer.url.path
    assert re.fullmatch(r"/batches/[0-9a-f-]{36}", path), answer.text[:3000]
    batch_id = UUID(path.rsplit("/", 1)[1])
    assert "bring the same file again" in answer.text

    weighed = owner.page(path).get_text(" ", strip=True)
    assert digest in weighed.replace(" ", "") and "no reseller owes for it" in weighed
    assert not owner.page(path).select(f'form[action="{path}/import"]')
    assert "Approved." in owner.submit(path, action=f"{path}/approve").text
    assert not clerk.page(path).select(f'form[action="{path}/generate"]')
    assert not support.page(path).select(f'form[action="{path}/import"]')
    other = FILE.replace(b"GUILD-1", b"GUILD-9")
    assert "not the file that was ordered" in send(clerk, path, to=f"{path}/import", file=other)
    assert "2 cards are good here." in send(clerk, path, to=f"{path}/import", file=FILE)

    taken = services.get(Cards).batch(batch_id=batch_id)
    assert taken.state is BatchState.HANDED_OVER and taken.first_serial == "GUILD1"
    page = clerk.page(path)
    assert not page.select(f'form[action="{path}/import"], form[action="{path}/hand-over"]')
    life = support.page("/card", serial="guild-2").get_text(" ", strip=True)
    assert "It can be activated." in life and "taken in from an older system" in life
    with changed_configuration(cards={"schemes": {"guildhall": {"algorithm": "sha1", "form": "digits"}}}):
        player = a_player()
        assert activate_card(a_command(at=now()), player=player.id, code=CODES[1]).answer.serial == "GUILD2"
    owed = services.get(Ledger).balance(account=AccountRef("cards_sold", "EUR", str(batch_id)))
    assert owed.posted == Money.parse("10.00", "EUR")
    done = services.get(Audit).operations(where=OperationFilter(subject_id=str(batch_id))).items
    (record,) = [line for line in done if line.name == "cards.import_cards" and line.outcome == "done"]
    assert record.channel == "backoffice" and record.certificate
    assert {line.reason for line in done if line.name == "cards.import_cards"} >= {"import_file_differs"}


def test_an_order_that_can_not_be_keeps_the_form(office: BackOffice) -> None:
    clerk = office.signed_in(Role.ADMINISTRATOR)
    page = clerk.page("/batches/import")
    token = page.select_one("form[enctype] input[name=csrfmiddlewaretoken]")
    assert token
    answer = clerk.post(
        "/batches/import/order",
        referer="/batches/import",
        csrfmiddlewaretoken=token["value"],
        quantity="2",
        import_digest="0" * 64,
        import_scheme="guildhall",
        gives="money",
        worth_amount="",
        sale="nobody",
        face_amount="0",
        face_currency="EUR",
        worth_currency="EUR",
        code_length="16",
        serial_prefix="OLD",
    )
    assert "Say how much a card gives." in answer.text and "2 cards can be taken in" in answer.text
    assert "Your role does not allow this" in office.signed_in(Role.SUPPORT).get("/batches/import").text
