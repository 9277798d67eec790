"""Charging's contract once more, in plain lists and sums: wallets, their lots, and what holds keep of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

from warchest.charging.contract import ExpiredLot, Lot, LotTerms, Slice, Source
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import HoldState

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class KeptLot:
    id: UUID
    player: UUID
    source: Source
    reference: str
    issued: int
    units: int
    paid: Fraction
    code: str
    terms: LotTerms
    opened_at: datetime
    origin: UUID
    reserved: dict[UUID, int] = field(default_factory=dict)

    def is_over(self, at: datetime) -> bool:
        return self.terms.expires_at is not None and self.terms.expires_at <= at

    @property
    def unreserved(self) -> int:
        return self.units - sum(self.reserved.values())

    def free(self, at: datetime) -> int:
        return 0 if self.is_over(at) else self.unreserved

    @property
    def rank(self) -> tuple[object, ...]:
        return (
            self.source is not Source.PROMOTION,
            self.terms.expires_at or _NEVER,
            self.opened_at,
            self.id,
        )

    def take(self, units: int) -> Slice:
        # Python rounds a fraction half to even.
        paid = round(self.paid * units / self.units)
        self.units -= units
        self.paid -= paid
        return Slice(self.id, self.source, Money.units(units), Money(paid, currency(self.code)))

    def shown(self) -> Lot:
        return Lot(
            id=self.id,
            player=self.player,
            source=self.source,
            reference=self.reference,
            issued=Money.units(self.issued),
            units=Money.units(self.units),
            reserved=Money.units(sum(self.reserved.values())),
            consideration=Money(int(self.paid), currency(self.code)),
            terms=self.terms,
            opened_at=self.opened_at,
            origin=self.origin,
        )


@dataclass
class KeptSlice:
    """What a spend took of a lot, and what of it was not given back yet."""

    player: UUID
    reference: str
    lot: KeptLot
    units: int
    paid: Fraction
    returns: dict[str, int] = field(default_factory=dict)


@dataclass
class KeptHold:
    player: UUID
    units: int
    expires_at: datetime
    state: HoldState = HoldState.OPEN


@dataclass
class WalletsModel:
    players: tuple[UUID, ...]
    lots: dict[UUID, KeptLot] = field(default_factory=dict)
    slices: list[KeptSlice] = field(default_factory=list)
    holds: dict[UUID, KeptHold] = field(default_factory=dict)

    def of(self, player: UUID) -> list[KeptLot]:
        """Lots with units left, in the order of use."""
        return sorted(
            (lot for lot in self.lots.values() if lot.player == player and lot.units),
            key=lambda lot: lot.rank,
        )

    def free(self, player: UUID, at: datetime) -> int:
        return sum(lot.free(at) for lot in self.of(player))

    def consume(self, player: UUID, units: int, reference: str, at: datetime) -> tuple[Slice, ...] | str:
        if reason := self._refusal(player, units, at):
            return reason
        parts = self._share_out(self.of(player), units, at)
        return self._spend(player, parts, reference)

    def hold(self, hold_id: UUID, player: UUID, units: int, at: datetime, expires_at: datetime) -> str:
        if reason := self._refusal(player, units, at):
            return reason
        for lot, part in self._share_out(self.of(player), units, at):
            lot.reserved[hold_id] = part
        self.holds[hold_id] = KeptHold(player, units, expires_at)
        return ""

    def capture(
        self, hold_id: UUID, units: int | None, reference: str, at: datetime
    ) -> tuple[Slice, ...] | str:
        hold = self.holds[hold_id]
        if hold.state is not HoldState.OPEN:
            return "hold_closed"
        if hold.expires_at <= at:
            return "hold_expired"
        wanted = hold.units if units is None else units
        if not 0 < wanted <= hold.units:
            return "capture_exceeds_hold"
        reserved = [(lot, lot.reserved[hold_id]) for lot in self.of(hold.player) if hold_id in lot.reserved]
        self._close(hold_id, HoldState.CAPTURED)
        parts = []
        for lot, most in reserved:
            if part := min(wanted, most):
                parts.append((lot, part))
                wanted -= part
        return self._spend(hold.player, parts, reference)

    def void(self, hold_id: UUID) -> str:
        state = self.holds[hold_id].state
        if state in (HoldState.CAPTURED, HoldState.LAPSED):
            return "hold_closed"
        self._close(hold_id, HoldState.VOIDED)
        return ""

    def lapse(self, hold_ids: Iterable[UUID], at: datetime) -> set[UUID]:
        due = {
            hold_id
            for hold_id in hold_ids
            if self.holds[hold_id].state is HoldState.OPEN and self.holds[hold_id].expires_at <= at
        }
        for hold_id in due:
            self._close(hold_id, HoldState.LAPSED)
        return due

    def expired(self, at: datetime) -> list[UUID]:
        due = [lot for lot in self.lots.values() if lot.is_over(at) and lot.unreserved]
        return [lot.id for lot in sorted(due, key=lambda lot: (lot.terms.expires_at, lot.id))]

    def expire(self, lot_ids: Iterable[UUID], at: datetime) -> set[ExpiredLot]:
        done = set()
        for lot_id in set(lot_ids):
            lot = self.lots[lot_id]
            if lot.is_over(at) and (over := lot.unreserved):
                slice_ = lot.take(over)
                done.add(
                    ExpiredLot(
                        id=lot_id,
                        player=lot.player,
                        reference=f"expiry:{lot_id}:{lot.units}",
                        units=slice_.units,
                        consideration=slice_.consideration,
                        left=Money.units(lot.units),
                    )
                )
        return done

    def give_back(
        self, player: UUID, reference: str, units: int | None, key: str, at: datetime
    ) -> list[KeptLot] | str:
        """The lots that come back, or came back under the same key before; theirs is the id that the ledger gives."""
        spent = [one for one in self.slices if (one.player, one.reference) == (player, reference)]
        if units is not None and units <= 0:
            return "amount_not_positive"
        if not spent:
            return "spend_unknown"
        if given := sum(one.returns.get(key, 0) for one in spent):
            return "return_key_reused" if units not in (None, given) else []
        left = sum(one.units for one in spent)
        wanted = left if units is None else units
        if not 0 < wanted <= left:
            return "return_exceeds_spend"
        lots = []
        for one in reversed(spent):
            if part := min(wanted, one.units):
                paid = round(one.paid * part / one.units)
                one.units -= part
                one.paid -= paid
                one.returns[key] = part
                wanted -= part
                terms = one.lot.terms
                if one.lot.is_over(at):
                    terms = replace(terms, expires_at=at + timedelta(days=30))
                lots.append(_cut_from(one.lot, player, key, part, paid, terms))
        return lots

    def transfer(
        self, sender: UUID, recipient: UUID, units: int, reference: str, at: datetime
    ) -> list[KeptLot] | str:
        if sender == recipient:
            return "recipient_is_sender"
        if reason := self._refusal(sender, units, at):
            return reason
        lots = [lot for lot in self.of(sender) if lot.terms.transferable]
        if sum(lot.free(at) for lot in lots) < units:
            return "not_transferable"
        moved = []
        for lot, part in self._share_out(lots, units, at):
            paid = lot.take(part).consideration.minor
            moved.append(_cut_from(lot, recipient, reference, part, paid, lot.terms))
        return moved

    def _refusal(self, player: UUID, units: int, at: datetime) -> str:
        if units <= 0:
            return "amount_not_positive"
        return "insufficient_funds" if self.free(player, at) < units else ""

    @staticmethod
    def _share_out(lots: Sequence[KeptLot], units: int, at: datetime) -> list[tuple[KeptLot, int]]:
        parts = []
        for lot in lots:
            if part := min(units, lot.free(at)):
                parts.append((lot, part))
                units -= part
        return parts

    def _spend(self, player: UUID, parts: Iterable[tuple[KeptLot, int]], reference: str) -> tuple[Slice, ...]:
        taken = []
        for lot, part in parts:
            slice_ = lot.take(part)
            taken.append(slice_)
            self.slices.append(KeptSlice(player, reference, lot, part, Fraction(slice_.consideration.minor)))
        return tuple(taken)

    def _close(self, hold_id: UUID, state: HoldState) -> None:
        self.holds[hold_id].state = state
        for lot in self.lots.values():
            lot.reserved.pop(hold_id, None)


def _cut_from(lot: KeptLot, player: UUID, reference: str, units: int, paid: int, terms: LotTerms) -> KeptLot:
    return replace(
        lot,
        player=player,
        reference=reference,
        issued=units,
        units=units,
        paid=Fraction(paid),
        terms=terms,
        reserved={},
    )
