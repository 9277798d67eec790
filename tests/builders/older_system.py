"""An older system's files, as ``warchest move-in`` reads them, and what must be here once they are taken over."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

CUTOVER = datetime(2026, 3, 1, tzinfo=UTC)
Row = dict[str, str]

_DEBIT_BOOKS = {
    "bank",
    "settlement_receivable",
    "reseller_receivable",
    "other_assets",
    "reseller_margin",
    "commission_cost",
}


@dataclass
class OlderSystem:
    """Rows as they are written; ``control`` is what they sum to, unless a test says otherwise."""

    players: list[Row] = field(default_factory=list)
    wallets: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    balances: list[Row] = field(default_factory=list)
    says: dict[str, object] = field(default_factory=dict)

    def player(self, name: str, *, sponsor: str = "", **more: str) -> OlderSystem:
        self.players.append(
            {
                "id": name,
                "nickname": name,
                "email": f"{name}@example.org",
                "country": "DE",
                "language": "en",
                "joined_at": "2019-05-01",
                "sponsor": sponsor,
                **more,
            }
        )
        return self

    def lot(
        self, name: str, player: str, units: str, paid: str = "", *, source: str = "card_payment", **more: str
    ) -> OlderSystem:
        amount, _, unit = paid.partition(" ")
        self.wallets.append(
            {
                "id": name,
                "player": player,
                "units": units,
                "consideration": amount,
                "currency": unit,
                "source": source,
                **more,
            }
        )
        return self

    def term(
        self,
        name: str,
        player: str,
        starts: str,
        ends: str,
        deferred: str = "",
        *,
        source: str = "paid",
        plan: str = "arena-month",
        **more: str,
    ) -> OlderSystem:
        amount, _, unit = deferred.partition(" ")
        self.subscriptions.append(
            {
                "id": name,
                "player": player,
                "online_service": "arena",
                "plan": plan,
                "starts_at": starts,
                "ends_at": ends,
                "deferred": amount,
                "currency": unit,
                "source": source,
                **more,
            }
        )
        return self

    def balance(self, account: str, amount: str, *, owner: str = "", side: str = "") -> OlderSystem:
        number, _, unit = amount.partition(" ")
        self.balances.append(
            {"account": account, "owner": owner, "currency": unit, "amount": number, "side": side}
        )
        return self

    def balanced(self) -> OlderSystem:
        """With the owners' part, so that nothing is left on opening balance equity."""
        for unit, left in sorted(self._left().items()):
            if left:
                self.balance(
                    "retained_earnings", f"{abs(left)} {unit}", side="credit" if left > 0 else "debit"
                )
        return self

    def _left(self) -> Counter[str]:
        """Debits less credits of all that comes."""
        left: Counter[str] = Counter()
        for row in self.balances:
            side = row["side"] or ("debit" if row["account"] in _DEBIT_BOOKS else "credit")
            left[row["currency"]] += Decimal(row["amount"]) * (1 if side == "debit" else -1)
        for rows, name in ((self.wallets, "consideration"), (self.subscriptions, "deferred")):
            for unit, amount in _sums(rows, name).items():
                left[unit] -= Decimal(amount)
        return left

    def control(self) -> dict[str, object]:
        accounts: dict[str, Counter[str]] = {}
        for row in self.balances:
            own = "debit" if row["account"] in _DEBIT_BOOKS else "credit"
            amount = Decimal(row["amount"]) * (1 if row["side"] in ("", own) else -1)
            accounts.setdefault(row["account"], Counter())[row["currency"]] += amount
        return {
            "system": "guildhall",
            "complete": True,
            "players": len(self.players),
            "sponsored": sum(bool(row["sponsor"]) for row in self.players),
            "lots": len(self.wallets),
            "units": str(sum((_number(row["units"]) for row in self.wallets), Decimal(0))),
            "consideration": _sums(self.wallets, "consideration"),
            "subscriptions": len(self.subscriptions),
            "deferred": _sums(self.subscriptions, "deferred"),
            "accounts": {
                book: {unit: str(amount) for unit, amount in sums.items()} for book, sums in accounts.items()
            },
            **self.says,
        }

    def write(self, folder: Path, *, json_lines: bool = False) -> Path:
        folder.mkdir(exist_ok=True)
        for name in ("players", "wallets", "subscriptions", "balances"):
            rows: Sequence[Mapping[str, str]] = getattr(self, name)
            if not rows:
                continue
            if json_lines:
                (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
                continue
            columns = list(dict.fromkeys(column for row in rows for column in row))
            with (folder / f"{name}.csv").open("w", newline="") as opened:
                writer = csv.DictWriter(opened, columns)
                writer.writeheader()
                writer.writerows(rows)
        (folder / "control.json").write_text(json.dumps(self.control()))
        return folder


def _number(text: str) -> Decimal:
    """What is no number counts nothing: such a row is a mistake that a test makes."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _sums(rows: Sequence[Row], column: str) -> dict[str, str]:
    sums: Counter[str] = Counter()
    for row in rows:
        if row[column]:
            sums[row["currency"]] += _number(row[column])
    return {unit: str(amount) for unit, amount in sums.items()}


def a_guildhall() -> OlderSystem:
    """A small community of a dozen rows, whole and balanced."""
    return (
        OlderSystem()
        .player("bert", sponsor="anna", wallet_units="150.00")
        .player("anna", state="active", password_hash="pbkdf2_sha256$1$salt$" + "A" * 43 + "=")
        .player("carl", sponsor="bert", password_hash="md5:5f4dcc3b", country="JP")
        .player("dora", state="frozen")
        .lot("l1", "bert", "100.00", "1.00 EUR", expires_at="2027-01-01", first_issued_at="2024-02-03")
        .lot("l2", "bert", "50.00", source="promotion", refundable="no")
        .lot("l3", "carl", "610.00", "1000 JPY", source="scratch_card", transferable="yes")
        .lot("l4", "dora", "10.00", "0.10 EUR", source="prize", payable_out="yes", refundable="no")
        .term("s1", "anna", "2026-02-15", "2026-03-15", "2.10 EUR")
        .term("s2", "anna", "2026-03-15", "2026-04-15", source="gift")
        .term("s3", "carl", "2025-01-01", "2025-02-01")
        .term("s4", "bert", "2026-02-01", "2027-02-01", "40.00 EUR", plan="arena-year", source="card")
        .balance("bank", "100.00 EUR")
        .balance("bank", "2000 JPY")
        .balance("commission_payable", "12.34 EUR", owner="anna")
        .balance("tax_payable", "19.00 EUR", owner="DE")
        .balanced()
    )
