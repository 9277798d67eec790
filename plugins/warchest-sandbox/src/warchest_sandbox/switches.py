"""What the sandbox does wrong on purpose."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from warchest_sandbox.store import Store, known_currency

Answers = Literal["right", "hang", "drip", "malformed", "server_error"]
Told = Literal["right", "negative", "zero"]

_COUNTS = ("decline_next", "server_error_next")


class Switches(Struct, frozen=True, kw_only=True):
    """Counts go down by themselves, all else stays as it is set."""

    decline_next: int = 0
    notice_delay_s: float = 0
    notice_copies: int = 1
    lose_notices: bool = False
    timeout_after_success: bool | Literal["hang", "close"] = False
    wrong_amount_minor: int | None = None
    wrong_currency: str | None = None
    wrong_signature: bool = False
    server_error_next: int = 0
    answers: Answers = "right"
    amounts_told: Told = "right"
    unlisted_status: bool = False
    refunds: Literal["right", "wait", "refused"] = "right"
    challenge: bool = False
    fee_bps: int = 140
    fee_minor: int = 25
    reserve_bps: int = 0


class SwitchesAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New positions of some switches; true counts as 1."""

    decline_next: Annotated[int, Meta(ge=0)] | bool | UnsetType = UNSET
    notice_delay_s: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    notice_copies: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    lose_notices: bool | UnsetType = UNSET
    timeout_after_success: bool | Literal["hang", "close"] | UnsetType = UNSET
    wrong_amount_minor: Annotated[int, Meta(ge=1, le=2**62)] | UnsetType | None = UNSET
    wrong_currency: str | UnsetType | None = UNSET
    wrong_signature: bool | UnsetType = UNSET
    server_error_next: Annotated[int, Meta(ge=0)] | bool | UnsetType = UNSET
    answers: Answers | UnsetType = UNSET
    amounts_told: Told | UnsetType = UNSET
    unlisted_status: bool | UnsetType = UNSET
    refunds: Literal["right", "wait", "refused"] | UnsetType = UNSET
    challenge: bool | UnsetType = UNSET
    fee_bps: Annotated[int, Meta(ge=0, le=10_000)] | UnsetType = UNSET
    fee_minor: Annotated[int, Meta(ge=0, le=2**40)] | UnsetType = UNSET
    reserve_bps: Annotated[int, Meta(ge=0, le=10_000)] | UnsetType = UNSET


class SwitchBoard:
    def __init__(self, store: Store) -> None:
        self._store = store

    def stand(self) -> Switches:
        row = self._store.row("SELECT switches FROM control")
        return msgspec.json.decode(row["switches"], type=Switches) if row else Switches()

    def turn(self, asked: SwitchesAsked) -> Switches:
        """Turns the switches that are named; the others stay.

        Raises UnableToServe: currency_unknown.
        """
        named: dict[str, Any] = {
            name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET
        }
        for count in _COUNTS:
            if count in named:
                named[count] = int(named[count])
        if named.get("wrong_currency") is not None:
            known_currency(named["wrong_currency"])
        with self._store.transaction():
            return self._keep(msgspec.structs.replace(self.stand(), **named))

    def reset(self) -> Switches:
        with self._store.transaction():
            return self._keep(Switches())

    def takes_server_error(self) -> bool:
        """Whether this request is one of those that must fail; counts it."""
        return self._counts_down("server_error_next")

    def takes_decline(self) -> bool:
        """Whether this payment is one of those that must fail; counts it."""
        return self._counts_down("decline_next")

    def _counts_down(self, name: str) -> bool:
        with self._store.transaction():
            switches = self.stand()
            left: int = getattr(switches, name)
            if left:
                self._keep(msgspec.structs.replace(switches, **{name: left - 1}))
            return bool(left)

    def _keep(self, switches: Switches) -> Switches:
        self._store.write("INSERT OR REPLACE INTO control VALUES (1, ?)", msgspec.json.encode(switches))
        return switches
