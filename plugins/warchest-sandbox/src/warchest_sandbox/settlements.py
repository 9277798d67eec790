"""What the sandbox owes the merchant, and the settlements in which it paid it out."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest_sandbox.store import Store
from warchest_sandbox.switches import SwitchBoard
from warchest_sandbox.wire import LineTold, SettlementTold

DISPUTE_FEE_MAJOR = 15


class Settlements:
    def __init__(self, store: Store, switches: SwitchBoard) -> None:
        self._store = store
        self._switches = switches

    def fee_of(self, taken: Money) -> Money:
        """What the sandbox keeps of a payment, never more than all of it."""
        switches = self._switches.stand()
        share = (taken.minor * switches.fee_bps + 5_000) // 10_000
        return Money(min(taken.minor, share + switches.fee_minor), taken.currency)

    def owe(
        self,
        kind: str,
        gross: Money,
        *,
        fee: Money | None = None,
        reference: str = "",
        provider_reference: str = "",
        description: str = "",
    ) -> None:
        """A movement to be settled, in the transaction that makes it true."""
        self._store.write(
            "INSERT INTO movement (id, kind, reference, provider_reference, gross_minor, fee_minor, currency,"
            " occurred_at, description) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(f"mov_{new_id().hex}", kind, reference, provider_reference, gross.minor),
            *(fee.minor if fee else 0, gross.currency.code, self._store.now(), description),
        )

    def settle(self) -> list[SettlementTold]:
        """Pay out what was not paid out yet, each currency by itself. What is no more than nought waits."""
        with self._store.transaction():
            owed = self._store.rows(
                "SELECT currency, sum(gross_minor - fee_minor) AS net, sum(gross_minor) AS gross FROM movement"
                " WHERE settlement_id IS NULL GROUP BY currency ORDER BY currency"
            )
            return [self._pay_out(row) for row in owed if row["net"] > 0]

    def of_day(self, day: str) -> list[SettlementTold]:
        rows = self._store.rows("SELECT * FROM settlement WHERE day = ? ORDER BY id", day)
        return [self._told(row) for row in rows]

    def release_reserve(self) -> None:
        """Let go of everything that was kept back; the next settlement pays it out."""
        with self._store.transaction():
            for row in self._store.rows(
                "SELECT currency, sum(gross_minor) AS kept FROM movement WHERE kind = 'reserve' GROUP BY currency"
            ):
                if row["kept"] < 0:
                    freed = Money(-row["kept"], currency(row["currency"]))
                    self.owe("reserve", freed, description="reserve released")

    def _pay_out(self, owed: sqlite3.Row) -> SettlementTold:
        settlement_id = f"stl_{new_id().hex}"
        unit = currency(owed["currency"])
        kept_minor = max(0, owed["gross"]) * self._switches.stand().reserve_bps // 10_000
        net_minor = owed["net"] - kept_minor
        if kept_minor:
            self.owe("reserve", Money(-kept_minor, unit), description="rolling reserve")
        day = datetime.fromtimestamp(self._store.now(), UTC).date().isoformat()
        payout = f"SANDBOX {settlement_id[-12:].upper()}"
        self._store.write(
            "INSERT INTO settlement VALUES (?, ?, ?, ?, ?)",
            *(settlement_id, unit.code, day, net_minor, payout),
        )
        self.owe(
            "payout",
            Money(-net_minor, unit),
            provider_reference=settlement_id,
            description=f"transfer {payout}",
        )
        self._store.write(
            "UPDATE movement SET settlement_id = ? WHERE settlement_id IS NULL AND currency = ?",
            *(settlement_id, unit.code),
        )
        row = self._store.row("SELECT * FROM settlement WHERE id = ?", settlement_id)
        assert row is not None
        return self._told(row)

    def _told(self, settlement: sqlite3.Row) -> SettlementTold:
        unit = currency(settlement["currency"])
        lines = self._store.rows(
            "SELECT * FROM movement WHERE settlement_id = ? ORDER BY occurred_at, id", settlement["id"]
        )
        return SettlementTold(
            id=settlement["id"],
            currency=unit.code,
            settled_on=settlement["day"],
            paid_out=Money(settlement["paid_out_minor"], unit).major,
            payout_reference=settlement["payout_reference"],
            lines=tuple(
                LineTold(
                    id=line["id"],
                    kind=line["kind"],
                    gross=Money(line["gross_minor"], unit).major,
                    fee=Money(line["fee_minor"], unit).major,
                    occurred_at=datetime.fromtimestamp(line["occurred_at"], UTC).isoformat(),
                    reference=line["reference"],
                    provider_reference=line["provider_reference"],
                    description=line["description"],
                )
                for line in lines
            ),
        )
