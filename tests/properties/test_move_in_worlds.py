"""Any small world, written down by an older system and taken over in one part or two, is the same world here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA, ARENA_MONTH, ARENA_YEAR
from tests.builders.older_system import CUTOVER, OlderSystem, Row
from warchest.charging.contract import Charging
from warchest.cli.main import main
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members
from warchest.referrals.contract import Referrals
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

pytestmark = pytest.mark.usefixtures("database")

_numbers = count(1)
_PLANS = {"arena-month": ARENA_MONTH, "arena-year": ARENA_YEAR}
_FLAGS = st.sampled_from(["yes", "no", ""])


@dataclass(frozen=True)
class World:
    """``first`` players, with all that is theirs, come in a first part; ``shuffle`` is the order of the file."""

    system: OlderSystem
    first: int
    shuffle: int


def _day(days: int) -> str:
    return (CUTOVER + timedelta(days=days)).date().isoformat()


@st.composite
def _money(draw: st.DrawFn, *, least: int = 0) -> str:
    unit = draw(st.sampled_from(["EUR", "USD", "JPY", "KWD"]))
    minor = draw(st.integers(least, 10**9))
    return str(Money(minor, Money.parse("0", unit).currency))


@st.composite
def _lot(draw: st.DrawFn, system: OlderSystem, name: str, player: str) -> None:
    source = draw(st.sampled_from(["card_payment", "scratch_card", "bank", "gift", "promotion", "prize"]))
    expires = draw(st.none() | st.integers(1, 900))
    issued = draw(st.none() | st.integers(-2000, 0))
    system.lot(
        name,
        player,
        Money.units(draw(st.integers(1, 10**8))).major,
        draw(st.just("") | _money()),
        source=source,
        refundable=draw(_FLAGS),
        transferable=draw(_FLAGS),
        payable_out="no" if source == "promotion" else draw(_FLAGS),
        expires_at="" if expires is None else _day(expires),
        first_issued_at="" if issued is None else _day(issued),
    )


@st.composite
def _terms(draw: st.DrawFn, system: OlderSystem, name: str, player: str) -> None:
    begins = draw(st.integers(-400, 100))
    for number in range(draw(st.integers(0, 3))):
        # Behind what still runs at the cut-over there is no gap.
        begins += draw(st.sampled_from([0, 0, 5])) if begins <= 0 else 0
        ends = begins + draw(st.integers(1, 300))
        system.term(
            f"{name}-{number}",
            player,
            _day(begins),
            _day(ends),
            draw(st.just("") | _money(least=1)) if ends > 0 else "",
            source=draw(st.sampled_from(["paid", "card", "gift", "trial", "compensation"])),
            plan=draw(st.sampled_from(sorted(_PLANS))),
        )
        begins = ends


@st.composite
def worlds(draw: st.DrawFn) -> World:
    system = OlderSystem()
    players = draw(st.integers(1, 7))
    for number in range(players):
        name = f"p{number}"
        # Of those before: so there is no circle, and the first part is whole.
        sponsor = draw(st.none() | st.integers(0, number - 1)) if number else None
        system.player(
            name,
            sponsor="" if sponsor is None else f"p{sponsor}",
            country=draw(st.sampled_from(["DE", "FR", "JP", "US"])),
            state=draw(st.sampled_from(["", "active", "frozen", "closed"])),
            joined_at=_day(draw(st.integers(-3000, 0))),
        )
        for lot in range(draw(st.integers(0, 3))):
            draw(_lot(system, f"l{number}-{lot}", name))
        draw(_terms(system, f"t{number}", name))
    if draw(st.booleans()):
        system.balance("bank", draw(_money(least=1)))
    if draw(st.booleans()):
        system.balance(
            "commission_payable", draw(_money(least=1)), owner=f"p{draw(st.integers(0, players - 1))}"
        )
    return World(system.balanced(), first=draw(st.integers(0, players)), shuffle=draw(st.integers(0, 2**16)))


def _renamed(system: OlderSystem, prefix: str) -> OlderSystem:
    """Every example in the same house: under names of its own."""

    def owned(row: Row, *columns: str) -> Row:
        return {key: prefix + value if key in columns and value else value for key, value in row.items()}

    return OlderSystem(
        players=[
            owned(row, "id", "sponsor")
            | {"nickname": f"n-{prefix}{row['id']}", "email": f"{prefix}{row['id']}@example.org"}
            for row in system.players
        ],
        wallets=[owned(row, "player") for row in system.wallets],
        subscriptions=[owned(row, "player") for row in system.subscriptions],
        balances=[
            owned(row, "owner") if row["account"] == "commission_payable" else row for row in system.balances
        ],
        says={"system": prefix.strip("-")},
    )


def _part(system: OlderSystem, players: int) -> OlderSystem:
    names = {row["id"] for row in system.players[:players]}
    return OlderSystem(
        players=system.players[:players],
        wallets=[row for row in system.wallets if row["player"] in names],
        subscriptions=[row for row in system.subscriptions if row["player"] in names],
        says={**system.says, "complete": False},
    )


def _run(system: OlderSystem, folder: Path) -> None:
    done = CliRunner().invoke(main, ["move-in", "run", str(folder), "--at", CUTOVER.isoformat()])
    assert done.exit_code == 0, done.output


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds())
def test_everything_is_as_it_was(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    prefix = f"w{next(_numbers)}-"
    system = _renamed(world.system, prefix)
    before = _sums()
    if world.first:
        part = _part(system, world.first)
        _run(part, part.write(tmp_path_factory.mktemp("part")))
    whole = OlderSystem(**{**vars(system), "players": list(system.players)})
    Random(world.shuffle).shuffle(whole.players)
    folder = tmp_path_factory.mktemp("whole")
    for _ in range(2):
        _run(whole, whole.write(folder, json_lines=bool(world.shuffle % 2)))

    players = services.get(Members).by_external_ids(external_ids=[row["id"] for row in system.players])
    for row in system.players:
        _compare_player(row, players)
        _compare_lots([lot for lot in system.wallets if lot["player"] == row["id"]], players[row["id"]])
        _compare_terms(
            [term for term in system.subscriptions if term["player"] == row["id"]], players[row["id"]]
        )
    _compare_books(system, before)
    assert_books_prove()


def _compare_player(row: Row, players: dict[str, UUID]) -> None:
    here = services.get(Members).player(player_id=players[row["id"]])
    assert (here.nickname, here.country, here.state) == (
        row["nickname"],
        row["country"],
        row["state"] or "active",
    )
    assert here.registered_at == _moment(row["joined_at"])
    node = services.get(Referrals).node(player=here.id)
    assert node is not None and node.sponsor == (players[row["sponsor"]] if row["sponsor"] else None)


def _compare_lots(rows: list[Row], player: UUID) -> None:
    wallet = services.get(Charging).wallet(player=player, at=CUTOVER)
    here = sorted(
        (
            lot.units.major,
            str(lot.consideration) if lot.consideration else "",
            lot.source.value,
            lot.terms.refundable,
            lot.terms.transferable,
            lot.terms.payable_out,
            lot.terms.expires_at or CUTOVER,
            lot.opened_at,
        )
        for lot in wallet.lots
    )
    assert here == sorted(
        (
            row["units"],
            _written(row["consideration"], row["currency"]),
            row["source"],
            row["refundable"] != "no",
            row["transferable"] == "yes",
            row["payable_out"] == "yes",
            _moment(row["expires_at"]) if row["expires_at"] else CUTOVER,
            _moment(row["first_issued_at"]) if row["first_issued_at"] else CUTOVER,
        )
        for row in rows
    )
    held = services.get(Ledger).balance(account=AccountRef("wallet_units", "XCR", str(player)))
    assert held.posted.minor == sum(Money.parse(row["units"], "XCR").minor for row in rows)


def _compare_terms(rows: list[Row], player: UUID) -> None:
    subscriptions = services.get(Subscriptions).subscriptions(player=player)
    assert len(subscriptions) == bool(rows)
    grants = [
        grant
        for subscription in subscriptions
        for grant in services.get(Subscriptions).grants(subscription_id=subscription.id)
    ]
    here = sorted(
        (grant.starts_at, grant.ends_at, grant.plan, grant.source.value, [str(part) for part in grant.net])
        for grant in grants
    )
    assert here == sorted(
        (
            _moment(row["starts_at"]),
            _moment(row["ends_at"]),
            _PLANS[row["plan"]],
            row["source"],
            [text] if (text := _written(row["deferred"], row["currency"])) else [],
        )
        for row in rows
    )
    for grant in grants:
        for deferral in services.get(Subscriptions).deferrals(grant_id=grant.id):
            assert (deferral.starts_at, deferral.ends_at) == (max(grant.starts_at, CUTOVER), grant.ends_at)
    right = services.get(Subscriptions).entitlement(player=player, online_service=ARENA, at=CUTOVER)
    assert right.entitled == any(
        _moment(row["starts_at"]) <= CUTOVER < _moment(row["ends_at"]) for row in rows
    )


def _compare_books(system: OlderSystem, before: dict[tuple[str, str], int]) -> None:
    control = system.control()
    expected: dict[tuple[str, str], int] = {}

    def add(book: str, sums: dict[str, str]) -> None:
        for unit, amount in sums.items():
            expected[book, unit] = expected.get((book, unit), 0) + Money.parse(amount, unit).minor

    add("wallet_units", {"XCR": str(control["units"])})
    add("units_issued", {"XCR": str(control["units"])})
    add("wallet_funding", control["consideration"])  # type: ignore[arg-type]
    add("deferred_revenue", control["deferred"])  # type: ignore[arg-type]
    for book, sums in control["accounts"].items():  # type: ignore[attr-defined]
        add(book, sums)
    after = _sums()
    moved = {place: after.get(place, 0) - before.get(place, 0) for place in after.keys() | before.keys()}
    assert {place: minor for place, minor in moved.items() if minor} == {
        place: minor for place, minor in expected.items() if minor
    }


def _sums() -> dict[tuple[str, str], int]:
    return {(line.book, line.currency): line.balance_minor for line in services.get(Ledger).trial_balance()}


def _moment(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def _written(amount: str, unit: str) -> str:
    """As money is written; nothing is empty."""
    found = Money.parse(amount, unit) if amount else None
    return str(found) if found else ""
