"""The sandbox as the provider of a recipe: a process of its own, at whose page the recipe's players pay."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.builders.configuration import changed_configuration
from warchest_sandbox.testing import RunningSandbox


class Sandbox:
    """``sandbox = Sandbox()``: from now on it takes the payments, and tells of them when it is asked."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="warchest-sandbox-"))
        self._running = self._stack.enter_context(RunningSandbox(Path(folder)))
        self._running.control(lose_notices=True)
        self._stack.enter_context(changed_configuration(providers={"sandbox": dict(self._running.settings)}))

    def pay(self, payment: str, *, card: str = "4111111111111111") -> None:
        """What the player does on its page."""
        self._running.pay(payment, card=card)

    def switch(self, **switches: Any) -> None:
        """Have it misbehave: see the plug-in's README."""
        self._running.control(**switches)

    def close(self) -> None:
        self._stack.close()
