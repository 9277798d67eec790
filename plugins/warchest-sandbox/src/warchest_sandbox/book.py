"""The sandbox's books: everything that it remembers, in one SQLite file."""

from __future__ import annotations

from pathlib import Path

from warchest.kernel.clock import Clock
from warchest_sandbox.payments import Payments
from warchest_sandbox.post import Post
from warchest_sandbox.returns import Disputes, Refunds
from warchest_sandbox.settlements import Settlements
from warchest_sandbox.store import Store
from warchest_sandbox.switches import SwitchBoard


class Book:
    def __init__(self, path: Path, *, clock: Clock, public_url: str) -> None:
        store = Store(path, clock=clock)
        self.switches = SwitchBoard(store)
        self.post = Post(store, self.switches)
        self.settlements = Settlements(store, self.switches)
        self.payments = Payments(store, self.switches, self.post, self.settlements, public_url=public_url)
        self.refunds = Refunds(store, self.switches, self.post, self.settlements, self.payments)
        self.disputes = Disputes(store, self.post, self.settlements, self.payments)
