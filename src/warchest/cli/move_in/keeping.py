"""Puts rows into the scratch tables, some hundreds at a time, and looks at each whether it is here already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from warchest.accounting.contract import Accounting, TakenKind, TakenRow
from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.read import HASHES_SHOWN, Read
from warchest.cli.move_in.rows import House, ReadPlayer
from warchest.cli.move_in.scratch import micro
from warchest.journeys.move_in_balances import PLAYERS_BOOKS, BalanceRow
from warchest.journeys.move_in_subscriptions import TermRow
from warchest.journeys.move_in_wallets import LotRow
from warchest.journeys.steps.moving_in import player_digest, row_fingerprint
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Side
from warchest.members.contract import ExaminedPlayer, Members, PlayerDraft
from warchest.runtime import wire
from warchest.runtime.services import services

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


class Keeper:
    """Each method takes rows of one table, with their lines; ``file`` is what its file is called."""

    def __init__(self, read: Read, house: House, findings: Findings) -> None:
        self._read = read
        self._house = house
        self._findings = findings

    def players(self, file: str, portion: Sequence[tuple[int, ReadPlayer]]) -> None:
        examined = services.get(Members).examine_players(players=[_draft(one) for _, one in portion])
        digests = [player_digest(one.row.id) for _, one in portion]
        before = self._before(
            TakenKind.PLAYER,
            file,
            [(line, digest, one.row) for (line, one), digest in zip(portion, digests, strict=True)],
        )
        kept = []
        for (line, one), found, digest in zip(portion, examined, digests, strict=True):
            own = before.get(digest)
            self._tell(file, line, found, own.here if own else None)
            self._note_password(line, one, found)
            row = one.row
            names = (row.id, found.nickname_key, found.email_key, row.sponsor)
            kept.append((line, *names, one.wallet_minor, None, int(own is not None), wire.encode(row)))
        self._read.scratch.add("player", kept)

    def lots(self, file: str, portion: Sequence[tuple[int, LotRow]]) -> None:
        before = self._before(TakenKind.LOT, file, [(line, row.id, row) for line, row in portion])
        for _, row in portion:
            self._read.units_minor += row.units.minor
            self._read.consideration[row.consideration.currency.code] += row.consideration.minor
        self._read.scratch.add(
            "lot",
            [
                (line, row.id, row.player, row.units.minor, int(row.id in before), wire.encode(row))
                for line, row in portion
            ],
        )

    def terms(self, file: str, portion: Sequence[tuple[int, TermRow]]) -> None:
        before = self._before(TakenKind.SUBSCRIPTION, file, [(line, row.id, row) for line, row in portion])
        kept = []
        for line, row in portion:
            self._read.deferred[row.deferred.currency.code] += row.deferred.minor
            place = (row.id, row.player, str(row.online_service), micro(row.starts_at), micro(row.ends_at))
            kept.append((line, *place, int(row.id in before), wire.encode(row)))
        self._read.scratch.add("term", kept)

    def balances(self, file: str, portion: Sequence[tuple[int, BalanceRow]]) -> None:
        before = self._before(TakenKind.BALANCE, file, [(line, row.id, row) for line, row in portion])
        kept = []
        for line, row in portion:
            code, minor = row.amount.currency.code, row.amount.minor
            own_side = self._house.books[row.book].side
            self._read.accounts[row.book, code] += minor if row.side is own_side else -minor
            self._read.opened[code] += minor if row.side is Side.DEBIT else -minor
            player = row.owner if row.book in PLAYERS_BOOKS else ""
            kept.append((line, row.id, player, int(row.id in before), wire.encode(row)))
        self._read.scratch.add("balance", kept)

    def _before(
        self, kind: TakenKind, file: str, asked: Sequence[tuple[int, str, object]]
    ) -> Mapping[str, TakenRow]:
        """Which of the rows were taken over before; those that were another row then are told."""
        before = services.get(Accounting).taken(
            system=self._read.control.system, kind=kind, external_ids=[identity for _, identity, _ in asked]
        )
        for line, identity, row in asked:
            if identity in before and before[identity].fingerprint != row_fingerprint(row):
                self._findings.add(
                    file,
                    line,
                    "",
                    "The row differs from what was taken over before",
                    "What was taken stays: undo the change in the file, and make it here by hand.",
                )
        return before

    def _tell(self, file: str, line: int, found: ExaminedPlayer, own: UUID | None) -> None:
        for reason in found.reasons:
            self._findings.add(file, line, *_NAMES[reason])
        if found.external_id_of not in (None, own):
            self._findings.add(
                file, line, "id", "A player here has this external id", "Leave the row out, or change the id."
            )
        # Whoever was taken over may have another name by now, and somebody else the one in the file.
        if own is None and found.nickname_of is not None:
            self._findings.add(
                file, line, "nickname", "A player here is called so", "Give one of the two another nickname."
            )
        if own is None and found.email_of is not None:
            self._findings.add(
                file,
                line,
                "email",
                "Somebody here has this e-mail address",
                "Leave the row out, or correct it.",
            )

    def _note_password(self, line: int, one: ReadPlayer, found: ExaminedPlayer) -> None:
        passwords, unreadable = self._read.passwords, self._read.unreadable_hashes
        if not one.row.password_hash:
            passwords["none"] += 1
        elif found.password_hash:
            passwords["kept"] += 1
        else:
            passwords["unreadable"] += 1
            if len(unreadable) < HASHES_SHOWN:
                unreadable.append(line)


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
