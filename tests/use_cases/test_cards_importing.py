"""Cards of an older system: their file is ordered, approved and taken in, and what was printed on them is good here."""

from __future__ import annotations

import base64
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import md5, sha1, sha256

import psycopg
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.cards import TEN_EUROS, a_batch, an_order
from tests.builders.configuration import changed_configuration
from tests.builders.imports import SCHEMES, an_import, guildhall, imported, some_codes
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.services import test_cards_timing
from tests.sweep import Sweep
from warchest.cards import schemes
from warchest.cards.contract import (
    Batch,
    BatchState,
    Cards,
    CardSelection,
    CardState,
    UnableToActivateCard,
    UnableToGenerateBatch,
    UnableToImportCards,
    UnableToOrderBatch,
)
from warchest.cards.operations import imports
from warchest.journeys.activate_card import activate_card
from warchest.journeys.amend_batch import amend_batch
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.block_cards import block_cards
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.import_cards import import_cards
from warchest.journeys.preview_card import preview_card
from warchest.journeys.verify_card import verify_card
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.configuration import Cards as CardsTable
from warchest.runtime.configuration import CodeScheme
from warchest.runtime.services import services

pytestmark = [
    pytest.mark.usefixtures("database", "older_systems"),
    pytest.mark.use_case("CRD-16"),
]


@pytest.fixture
def older_systems() -> Iterator[None]:
    with changed_configuration(cards={"schemes": SCHEMES}):
        yield


def cards() -> Cards:
    return services.get(Cards)


def owed(batch: Batch) -> int:
    account = AccountRef("cards_sold", "EUR", str(batch.id))
    return services.get(Ledger).balance(account=account).posted.minor


def balance(book: str, owner: str = "") -> int:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.minor


def test_what_was_printed_is_good_here() -> None:
    codes = some_codes(3)
    batch = imported(guildhall(*codes))
    assert batch.state is BatchState.HANDED_OVER
    assert (batch.first_serial, batch.last_serial) == ("GH07919", "GH23757")
    assert owed(batch) == 3000 and balance("reseller_receivable", "kiosk-berlin") == 2760
    player = a_player()
    typed = f"{codes[1][:4]} {codes[1][4:8]}-{codes[1][8:]}"
    assert preview_card(player=player.id, code=typed, at=NOW).serial == "GH15838"
    done = activate_card(a_command(), player=player.id, code=typed).answer
    assert done.serial == "GH15838" and done.units == Money.units(100_000)
    with pytest.raises(UnableToActivateCard, match="card_already_activated"):
        activate_card(a_command(), player=a_player().id, code=typed)
    with pytest.raises(UnableToActivateCard, match="card_code_unknown"):
        activate_card(a_command(), player=player.id, code=some_codes(1, first=90)[0])
    clerk = acting_as(an_administrator())
    seen = verify_card(clerk, code=codes[2], reason="a customer asks").answer
    assert seen.right and seen.serial == "GH23757"
    assert owed(batch) == 2000
    assert_books_prove()


def _castle(code: str) -> str:
    text = "-".join(code.lower()[start : start + 4] for start in range(0, len(code), 4))
    return base64.b64encode(hmac.digest(b"drawbridge", text.encode(), "sha256")).decode()


@pytest.mark.parametrize(
    ("scheme", "hashed", "typed"),
    [
        (
            "tavern",
            lambda code: sha256(code.encode()).hexdigest().upper(),
            ["abcd-ef0h-1234", "ABCDEFOHI234"],
        ),
        ("castle", _castle, ["ABCD EF0H 1234", "abcdef0h1234"]),
        ("abbey", lambda code: md5(f"ora:{code}:labora".encode()).hexdigest(), ["ABCD.EF0H.1234"]),
    ],
)
def test_each_way_of_hashing(scheme: str, hashed: Callable[[str], str], typed: list[str]) -> None:
    file = f"Serial,Hash\r\nold 1,{hashed('ABCDEF0H1234')}\r\n".encode()
    imported(file, scheme=scheme)
    for one in typed:
        assert preview_card(player=a_player().id, code=one, at=NOW).serial == "OLD1"


def test_nothing_of_the_older_hash_is_kept(superuser_dsn_of: Callable[[str], str]) -> None:
    (code,) = some_codes(1)
    imported(guildhall(code))
    with psycopg.connect(superuser_dsn_of("cards")) as database:
        ((kept,),) = database.execute("SELECT code_hash FROM cards_card").fetchall()
    assert len(kept) == 32 and sha1(code.encode()).digest() not in bytes(kept)
    # And what lies here can't be typed: it is hashed again, under the name of its scheme.
    plain = schemes.under("guildhall", sha1(code.encode()).digest())
    with pytest.raises(UnableToActivateCard, match="card_code_unknown"):
        activate_card(a_command(), player=a_player().id, code=plain.decode("latin-1"))


def test_a_code_hash_stays_as_it_was_without_older_systems() -> None:
    with_them = cards().code_hash(typed="ABCD")
    assert len(with_them.split(".")) == 1 + len(SCHEMES)
    with changed_configuration():
        assert cards().code_hash(typed="ABCD") == with_them.split(".")[0]


@pytest.mark.parametrize(
    ("lines", "reason", "line"),
    [
        (["Card,Hash"], "import_file_malformed", 1),
        (["Serial,Hash"], "import_file_malformed", 1),
        (["Serial,Hash", "A1"], "import_file_malformed", 2),
        (["Serial,Hash", "A1," + "0" * 40, "", f"{'B' * 21}," + "1" * 40], "import_serial_malformed", 4),
        (["Serial,Hash", "ä1," + "0" * 40], "import_serial_malformed", 2),
        (["Serial,Hash", "A1," + "0" * 64], "import_hash_malformed", 2),
        (["Serial,Hash", "A1," + "g" * 40], "import_hash_malformed", 2),
        (["Serial,Hash", "A1," + "0" * 40, "a-1," + "1" * 40], "import_serial_twice", 3),
        (["Serial,Hash", "A1," + "ab" * 20, "A2," + "AB" * 20], "import_hash_twice", 3),
        (["Serial,Hash,LastFour", "A1," + "0" * 40 + ",12345"], "import_file_malformed", 2),
    ],
)
def test_a_file_that_is_none(lines: list[str], reason: str, line: int) -> None:
    with pytest.raises(UnableToImportCards, match=reason) as refused:
        cards().check_import(scheme="guildhall", file="\n".join(lines).encode())
    assert refused.value.details["line"] == line


def test_what_is_here_is_not_taken_in_again() -> None:
    codes = some_codes(3)
    file = guildhall(*codes[:2])
    batch = imported(file)
    with pytest.raises(UnableToImportCards, match="already_imported"):
        import_cards(acting_as(an_administrator()), batch=batch.id, file=file)
    with pytest.raises(UnableToImportCards, match="import_serial_taken"):
        cards().check_import(scheme="guildhall", file=guildhall(*codes[1:]))
    with pytest.raises(UnableToImportCards, match="import_code_taken"):
        cards().check_import(scheme="guildhall", file=guildhall(*codes[1:], prefix="XX"))
    ours = a_batch(quantity=2).cards[0].serial
    with pytest.raises(UnableToImportCards, match="import_serial_taken"):
        cards().check_import(scheme="guildhall", file=f"Serial,Hash\n{ours},{'0' * 40}".encode())


def test_only_what_was_ordered_and_approved() -> None:
    file, other = guildhall(*some_codes(2)), guildhall(*some_codes(2, first=5))
    seen = cards().check_import(scheme="guildhall", file=file)
    terms = replace(TEN_EUROS, quantity=2, import_digest=seen.digest, import_scheme="guildhall")
    ordered = an_order(terms=terms)
    clerk = an_administrator()
    with pytest.raises(UnableToImportCards, match="batch_not_approved"):
        import_cards(acting_as(clerk), batch=ordered.id, file=file)
    approved = approve_batch(
        acting_as(an_administrator(Role.OWNER)), batch=ordered.id, digest=ordered.digest
    ).answer
    assert approved.first_serial == approved.last_serial == ""
    with pytest.raises(UnableToImportCards, match="import_file_differs"):
        import_cards(acting_as(clerk), batch=ordered.id, file=other)
    with pytest.raises(UnableToAdminister):
        import_cards(acting_as(an_administrator(Role.SUPPORT)), batch=ordered.id, file=file)
    with pytest.raises(UnableToGenerateBatch, match="batch_is_imported"):
        generate_batch(acting_as(clerk), batch=ordered.id)
    # The way in which codes were hashed is approved too.
    changed = amend_batch(
        acting_as(clerk),
        batch=ordered.id,
        digest=ordered.digest,
        terms=replace(approved.terms, import_scheme="abbey"),
    ).answer
    assert changed.state is BatchState.ORDERED and changed.digest != ordered.digest
    with pytest.raises(UnableToImportCards, match="batch_not_approved"):
        import_cards(acting_as(clerk), batch=ordered.id, file=file)
    assert_books_prove()


@pytest.mark.parametrize(
    "changes",
    [
        {"import_digest": "abc"},
        {"import_scheme": ""},
        {"import_digest": ""},
        {"spares": 1},
        {"printer": "press"},
        {"virtual": True, "product": "card"},
        {"owed_from": "bank"},
        {"owed_from": "other_liabilities", "reseller": "", "margin_bps": 0},
    ],
)
def test_orders_that_make_no_sense(changes: dict[str, object]) -> None:
    terms = replace(TEN_EUROS, import_digest="0" * 64, import_scheme="guildhall")
    with pytest.raises(UnableToOrderBatch, match="import_malformed"):
        an_order(terms=terms, **changes)
    with pytest.raises(UnableToOrderBatch, match="import_scheme_unknown"):
        an_order(terms=replace(terms, import_scheme="nowhere"))


def test_the_order_of_an_import_is_kept_by_the_database(superuser_dsn_of: Callable[[str], str]) -> None:
    batch = an_import(guildhall(*some_codes(1)))
    with (
        psycopg.connect(superuser_dsn_of("cards")) as database,
        pytest.raises(psycopg.Error, match="never changed"),
    ):
        database.execute("UPDATE cards_batch SET import_scheme = 'abbey' WHERE id = %s", [batch.id])


@pytest.mark.parametrize("owed_from", ["opening_balance_equity", "other_liabilities"])
def test_what_the_older_system_sold_is_booked_once(owed_from: str) -> None:
    """What the reseller owes came with the opening balances; only what we owe for the cards is added."""
    codes = some_codes(2)
    batch = imported(guildhall(*codes), owed_from=owed_from)
    assert owed(batch) == 2000 and balance("reseller_receivable", "kiosk-berlin") == 0
    assert balance(owed_from) == -2000
    activate_card(a_command(), player=a_player().id, code=codes[0])
    assert owed(batch) == 1000
    assert_books_prove()


def test_cards_of_our_own_stock_and_gifts_are_not_booked() -> None:
    codes = some_codes(2)
    stock = imported(guildhall(codes[0]), reseller="", margin_bps=0, stock=True)
    gifts = imported(
        guildhall(codes[1], prefix="GIFT"), reseller="", margin_bps=0, face=Money.parse("0", "EUR")
    )
    assert owed(stock) == owed(gifts) == 0
    with pytest.raises(UnableToActivateCard, match="card_not_sold"):
        activate_card(a_command(), player=a_player().id, code=codes[0])
    activate_card(a_command(), player=a_player().id, code=codes[1])
    assert_books_prove()


def test_numbers_follow_the_serials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of serials are ranges of cards also where cards of another batch lie between them."""
    monkeypatch.setattr(imports, "MARK_EVERY", 3)
    monkeypatch.setattr(imports, "_PER_COPY", 4)
    codes = some_codes(24)
    mine = b"Serial,Hash\n" + b"".join(
        f"{number:04},{sha1(code.encode()).hexdigest()}\n".encode()
        for number, code in zip(range(48, 0, -2), codes, strict=True)
    )
    others = b"Serial,Hash\n" + b"".join(
        f"{number:04},{sha1(code[::-1].encode()).hexdigest()}\n".encode()
        for number, code in zip(range(1, 48, 2), codes, strict=True)
    )
    batch, other = imported(mine), imported(others)
    lines = list(cards().register(batch_id=batch.id, at=NOW))
    assert [line.serial for line in lines] == [f"{number:04}" for number in range(2, 49, 2)]
    assert [line.number for line in lines] == list(range(1, 25))
    assert [cards().specimen_serial(batch_id=batch.id, number=number) for number in range(1, 25)] == [
        line.serial for line in lines
    ]
    clerk = an_administrator()
    blocked = block_cards(
        acting_as(clerk), selection=CardSelection(first_serial="0010", last_serial="0022"), reason="stolen"
    ).answer
    assert (blocked.first_serial, blocked.last_serial, blocked.count) == ("0010", "0022", 7)
    assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.BLOCKED: 7, CardState.HANDED_OVER: 17}
    assert cards().counts(batch_id=other.id, at=NOW) == {CardState.HANDED_OVER: 24}
    history = cards().card(serial="0010", at=NOW).history
    assert {moment.what for moment in history} >= {"imported", "blocked"}
    assert_books_prove()


def test_two_who_take_in_the_same_cards_at_once() -> None:
    """Of two batches with the same cards one is taken in whole, and nothing of the other; the same batch is taken in once."""
    file = guildhall(*some_codes(300))
    later = guildhall(*reversed(some_codes(300)))
    for files in ((file, later), (guildhall(*some_codes(50, first=500), prefix="R"),) * 2):
        batches = [an_import(one) for one in files]
        if files[0] == files[1]:
            batches = [batches[0], batches[0]]
        ends: list[str] = []

        def run(batch: Batch, one: bytes, command: object, ends: list[str] = ends) -> None:
            try:
                import_cards(command, batch=batch.id, file=one)  # type: ignore[arg-type]
                ends.append("done")
            except UnableTo as refusal:
                ends.append(refusal.reason)
            finally:
                connections.close_all()

        clerks = [acting_as(an_administrator()) for _ in batches]
        threads = [
            threading.Thread(target=run, args=(batch, one, clerk))
            for batch, one, clerk in zip(batches, files, clerks, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ends.count("done") == 1, ends
        assert set(ends) - {"done"} <= {"import_serial_taken", "import_code_taken", "already_imported"}
    assert_books_prove()


def test_an_import_repeated_is_done_once() -> None:
    file = guildhall(*some_codes(4))
    batch, command = an_import(file), acting_as(an_administrator())
    first = import_cards(command, batch=batch.id, file=file)
    again = import_cards(command, batch=batch.id, file=file)
    assert again.replayed and again.answer == first.answer
    assert owed(batch) == 4000
    assert_books_prove()


@pytest.mark.in_process("processes of the test's own die")
def test_a_killed_import_is_whole_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_PER_COPY", 10)
    states, died = set(), 0
    for step in range(1, STEPS_MAX):
        file = guildhall(*some_codes(25, first=step * 100), prefix=f"K{step}X")
        batch, command = an_import(file), acting_as(an_administrator())

        def take(batch: Batch = batch, file: bytes = file, command: object = command) -> None:
            import_cards(command, batch=batch.id, file=file)  # type: ignore[arg-type]

        dead = dies_at(step, take, also=((imports, "_copy_in"),))
        died += dead
        found = cards().batch(batch_id=batch.id)
        states.add(found.state)
        assert found.state in (BatchState.APPROVED, BatchState.HANDED_OVER)
        assert owed(found) == (25_000 if found.state is BatchState.HANDED_OVER else 0)
        take()
        assert len(list(cards().register(batch_id=batch.id, at=NOW))) == 25
        assert owed(found) == 25_000
        if not dead:
            break
    assert states == {BatchState.APPROVED, BatchState.HANDED_OVER} and 5 <= died < STEPS_MAX
    assert_books_prove()


def test_a_hundred_thousand_in_seconds() -> None:
    lines = [
        f"H{number:07},{sha1(str(number).encode()).hexdigest()}" for number in range(1_000_000, 1_100_000)
    ]
    file = "\n".join(["Serial,Hash", *lines]).encode()
    batch = an_import(file, reseller="", margin_bps=0, face=Money.parse("0", "EUR"))
    began = time.perf_counter()
    import_cards(acting_as(an_administrator()), batch=batch.id, file=file)
    took = time.perf_counter() - began
    assert took < 30, took
    assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.HANDED_OVER: 100_000}
    began = time.perf_counter()
    assert cards().specimen_serial(batch_id=batch.id, number=77_777) == "H1077776"
    assert time.perf_counter() - began < 0.5


@pytest.mark.in_process("times are compared")
def test_refusals_take_one_time_also_with_older_systems(sweep: Sweep) -> None:
    """Four schemes are tried on whatever is typed."""
    test_cards_timing.test_refusals_cannot_be_told_apart(sweep)


def test_ways_of_hashing_that_can_not_be_looked_up() -> None:
    for algorithm in ("bcrypt", "argon2id", "pbkdf2", "crc32"):
        with pytest.raises(ValueError, match=algorithm):
            CodeScheme(algorithm=algorithm)
    with pytest.raises(ValueError, match="secret"):
        CodeScheme(algorithm="hmac-sha1")
    with pytest.raises(ValueError, match="no name"):
        CardsTable(schemes={"Guild": CodeScheme(algorithm="md5")})
