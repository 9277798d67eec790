"""The dry run: reads every table once, and tells all that stands in the way. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from warchest.accounting.contract import Accounting, TakenKind
from warchest.cli.move_in import control, crossing, rows, tables
from warchest.cli.move_in.control import Control
from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.rows import Codes, House, ReadPlayer
from warchest.cli.move_in.scratch import Scratch, portions
from warchest.cli.move_in.tables import Columns, Line
from warchest.journeys.move_in_balances import PLAYERS_BOOKS, BalanceRow
from warchest.journeys.move_in_subscriptions import TermRow
from warchest.journeys.move_in_wallets import LotRow
from warchest.journeys.steps.moving_in import player_digest, row_fingerprint
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Side
from warchest.members.contract import ExaminedPlayer, Members, PlayerDraft
from warchest.runtime import wire
from warchest.runtime.services import services

R = TypeVar("R")
Progress = Callable[[str, int], None]
_HASHES_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NAMES = {
    "nickname_malformed": ("nickname", "It is no nickname", "Give it 3 to 24 letters, digits, '_' or '-'."),
    "email_malformed": ("email", "It is no e-mail address", "Write one address, like anna@example.org."),
    "country_unknown": ("country", "It is no country", "Write its two capital letters of ISO 3166."),
    "language_unknown": (
        "language",
        "It is no language that is spoken here",
        "Write en, or another that is.",
    ),
}


@dataclass(slots=True)
class Read:
    """What the files say, all of it in ``scratch``. Sums are in minor units, by currency, or by account and currency.

    ``accounts`` are positive on the account's own side, ``opened`` is what their debits have more than their credits.
    ``unread`` counts rows of each table that could not be read.
    """

    control: Control
    scratch: Scratch
    files: dict[str, str] = field(default_factory=dict)
    passwords: Counter[str] = field(default_factory=Counter)
    units_minor: int = 0
    consideration: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    accounts: Counter[tuple[str, str]] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unreadable_hashes: list[int] = field(default_factory=list)
    finished_at: datetime | None = None

    def rest(self) -> dict[str, int]:
        """What would stay on opening balance equity, by currency: debits less credits of all that comes.

        It grows on the credit side, as the other side of what is owned.
        """
        left = Counter(self.opened)
        left.subtract(self.consideration)
        left.subtract(self.deferred)
        return {code: minor for code, minor in sorted(left.items()) if minor}

    def summary(self) -> Iterator[str]:
        """What there is to take, and what a person should know before it is."""
        for table, name in (
            ("player", "players"),
            ("lot", "lots"),
            ("term", "terms"),
            ("balance", "balances"),
        ):
            total = self.scratch.number(f"SELECT count(*) FROM {table}")
            yield f"{total:>10,} {name}, {total - self.scratch.count_to_take(table):,} of them taken over before"
        if self.passwords["none"]:
            yield f"Players without a password, who have to set one: {self.passwords['none']:,}."
        if self.passwords["unreadable"]:
            lines = ", ".join(map(str, self.unreadable_hashes))
            yield (
                f"Players whose password can't be read here, who have to set another: {self.passwords['unreadable']:,},"
                f" in lines {lines}{' …' if len(self.unreadable_hashes) == _HASHES_SHOWN else ''}."
            )
        for code, minor in self.rest().items():
            yield f"{Money(minor, currency(code))} will be left on opening balance equity."


def examine(
    folder: Path, house: House, findings: Findings, scratch: Scratch, progress: Progress
) -> Read | None:
    """Read and examine all tables; None where the control file can't be read, without which nothing else means anything."""
    says = control.read(folder, findings)
    if says is None:
        return None
    read = Read(control=says, scratch=scratch)
    codes = Codes(online_services=says.online_services, plans=says.plans)
    move_in = services.get(Accounting).move_in(system=says.system)
    if move_in is not None and move_in.cutover_at != house.cutover_at:
        findings.add(
            control.FILE,
            0,
            "",
            f"What was taken from {says.system} so far stands at the cut-over {move_in.cutover_at.isoformat()}",
            "Give that moment with --at.",
        )
    table = _Tables(folder, read, findings, progress)
    table.take(rows.PLAYERS, _player(house, findings), _keep_players(read, findings))
    table.take(rows.WALLETS, lambda line: rows.lot(line, house, findings), _keep_lots(read, findings))
    table.take(
        rows.SUBSCRIPTIONS, lambda line: rows.term(line, house, codes, findings), _keep_terms(read, findings)
    )
    table.take(
        rows.BALANCES, lambda line: rows.balance(line, house, findings), _keep_balances(read, findings, house)
    )
    scratch.index()
    crossing.compare(read, table.names, findings)
    if move_in is not None:
        crossing.tell_gone(read, table.names, findings)
    if move_in is not None and move_in.finished_at is not None:
        crossing.tell_new(read, table.names, findings, finished_at=move_in.finished_at)
    read.finished_at = move_in.finished_at if move_in else None
    return read


class _Tables:
    """The files of a folder, one after the other. ``names`` are what each table's file is called."""

    def __init__(self, folder: Path, read: Read, findings: Findings, progress: Progress) -> None:
        self._folder = folder
        self._read = read
        self._findings = findings
        self._progress = progress
        self.names: dict[str, str] = {}
        self._note(folder / control.FILE)

    def take(
        self,
        columns: Columns,
        read_row: Callable[[Line], R | None],
        keep: Callable[[str, Sequence[tuple[int, R]]], None],
    ) -> None:
        file = tables.find(self._folder, columns.table)
        self.names[columns.table] = file.name if file else f"{columns.table}.csv"
        if file is None:
            if columns is rows.PLAYERS:
                self._findings.add(
                    "players.csv", 0, "", "There is no such file", "Nobody can move in without it."
                )
            return
        self._note(file)
        count = 0
        for portion in portions(self._sound(file, columns, read_row)):
            keep(file.name, portion)
            count += len(portion)
            self._progress(f"{file.name}, rows read", count)

    def _sound(
        self, file: Path, columns: Columns, read_row: Callable[[Line], R | None]
    ) -> Iterator[tuple[int, R]]:
        for line in tables.read(file, columns, self._findings):
            row = read_row(line)
            if row is None:
                self._read.unread[columns.table] += 1
            else:
                yield line.number, row

    def _note(self, file: Path) -> None:
        digest = sha256()
        with file.open("rb") as opened:
            while piece := opened.read(2**20):
                digest.update(piece)
        self._read.files[file.name] = digest.hexdigest()


def _player(house: House, findings: Findings) -> Callable[[Line], ReadPlayer | None]:
    return lambda line: rows.player(line, house, findings)


def _taken(
    read: Read, kind: TakenKind, file: str, rows_of: Sequence[tuple[int, str, object]], findings: Findings
) -> dict[str, bool]:
    """Which of the rows were taken before; those that were another row then are told."""
    before = services.get(Accounting).taken(
        system=read.control.system, kind=kind, external_ids=[identity for _, identity, _ in rows_of]
    )
    for number, identity, row in rows_of:
        if identity in before and before[identity].fingerprint != row_fingerprint(row):
            findings.add(
                file,
                number,
                "",
                "The row differs from what was taken over before",
                "What was taken stays: undo the change in the file, and make it here by hand.",
            )
    return dict.fromkeys(before, True)


def _keep_players(read: Read, findings: Findings) -> Callable[[str, Sequence[tuple[int, ReadPlayer]]], None]:
    def keep(file: str, portion: Sequence[tuple[int, ReadPlayer]]) -> None:
        drafts = [_draft(one) for _, one in portion]
        examined = services.get(Members).examine_players(players=drafts)
        digests = [player_digest(one.row.id) for _, one in portion]
        before = services.get(Accounting).taken(
            system=read.control.system, kind=TakenKind.PLAYER, external_ids=digests
        )
        taken = _taken(
            read,
            TakenKind.PLAYER,
            file,
            [(number, digest, one.row) for (number, one), digest in zip(portion, digests, strict=True)],
            findings,
        )
        for (number, one), found, digest in zip(portion, examined, digests, strict=True):
            own = before[digest].here if digest in before else None
            _tell_player(file, number, found, own, findings)
            if not one.row.password_hash:
                read.passwords["none"] += 1
            elif not found.password_hash:
                read.passwords["unreadable"] += 1
                if len(read.unreadable_hashes) < _HASHES_SHOWN:
                    read.unreadable_hashes.append(number)
            else:
                read.passwords["kept"] += 1
        read.scratch.add(
            "player",
            [
                (
                    number,
                    one.row.id,
                    found.nickname_key,
                    found.email_key,
                    one.row.sponsor,
                    one.wallet_minor,
                    None,
                    int(digest in taken),
                    wire.encode(one.row),
                )
                for (number, one), found, digest in zip(portion, examined, digests, strict=True)
            ],
        )

    return keep


def _tell_player(file: str, number: int, found: ExaminedPlayer, own: object, findings: Findings) -> None:
    for reason in found.reasons:
        where, problem, mend = _NAMES[reason]
        findings.add(file, number, where, problem, mend)
    if found.external_id_of is not None and found.external_id_of != own:
        findings.add(
            file,
            number,
            "id",
            "A player here has this external id",
            "Leave the row out, or give it another id.",
        )
    if own is None and found.nickname_of is not None:
        findings.add(
            file, number, "nickname", "A player here is called so", "Give one of the two another nickname."
        )
    if own is None and found.email_of is not None:
        findings.add(
            file,
            number,
            "email",
            "Somebody here has this e-mail address",
            "Leave the row out, or correct it.",
        )


def _draft(one: ReadPlayer) -> PlayerDraft:
    row = one.row
    return PlayerDraft(
        id=new_id(),
        external_id=row.id,
        nickname=row.nickname,
        email=row.email,
        country=row.country,
        language=row.language,
        password_hash=row.password_hash,
        state=row.state,
        registered_at=row.joined_at,
    )


def _keep_lots(read: Read, findings: Findings) -> Callable[[str, Sequence[tuple[int, LotRow]]], None]:
    def keep(file: str, portion: Sequence[tuple[int, LotRow]]) -> None:
        taken = _taken(read, TakenKind.LOT, file, [(line, row.id, row) for line, row in portion], findings)
        for _, row in portion:
            read.units_minor += row.units.minor
            read.consideration[row.consideration.currency.code] += row.consideration.minor
        read.scratch.add(
            "lot",
            [
                (line, row.id, row.player, row.units.minor, int(row.id in taken), wire.encode(row))
                for line, row in portion
            ],
        )

    return keep


def _keep_terms(read: Read, findings: Findings) -> Callable[[str, Sequence[tuple[int, TermRow]]], None]:
    def keep(file: str, portion: Sequence[tuple[int, TermRow]]) -> None:
        taken = _taken(
            read, TakenKind.SUBSCRIPTION, file, [(line, row.id, row) for line, row in portion], findings
        )
        for _, row in portion:
            read.deferred[row.deferred.currency.code] += row.deferred.minor
        read.scratch.add(
            "term",
            [
                (
                    line,
                    row.id,
                    row.player,
                    str(row.online_service),
                    _micro(row.starts_at),
                    _micro(row.ends_at),
                    int(row.id in taken),
                    wire.encode(row),
                )
                for line, row in portion
            ],
        )

    return keep


def _micro(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _keep_balances(
    read: Read, findings: Findings, house: House
) -> Callable[[str, Sequence[tuple[int, BalanceRow]]], None]:
    def keep(file: str, portion: Sequence[tuple[int, BalanceRow]]) -> None:
        taken = _taken(
            read, TakenKind.BALANCE, file, [(line, row.id, row) for line, row in portion], findings
        )
        for _, row in portion:
            code = row.amount.currency.code
            own = house.books[row.book].side
            read.accounts[row.book, code] += row.amount.minor if row.side is own else -row.amount.minor
            read.opened[code] += row.amount.minor if row.side is Side.DEBIT else -row.amount.minor
        read.scratch.add(
            "balance",
            [
                (
                    line,
                    row.id,
                    row.owner if row.book in PLAYERS_BOOKS else "",
                    int(row.id in taken),
                    wire.encode(row),
                )
                for line, row in portion
            ],
        )

    return keep
