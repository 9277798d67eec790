"""Two people at the terminals of two houses that are being served, for the recipe that merges them."""

from __future__ import annotations

import re
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path

from tests.builders.merged import Deployment, two_deployments, until

_SAME_IN_EACH_RUN = (
    (r"\d{5}( \d{5}){7}", "01234 56789 01234 56789 01234 56789 01234 56789"),
    (r"\d+ ms", "9 ms"),
    (r"\d\.\d{3} s", "0.001 s"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:7222"),
    (r"block \d+, signed \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "block 2, signed 2026-11-22 20:00:00"),
)


class OperatorOf:
    """Types commands, and prints what they say less what changes from run to run. ``players`` are ids by nickname."""

    def __init__(self, deployment: Deployment, post: Path, stack: ExitStack) -> None:
        self.players = deployment.players
        self._deployment = deployment
        self._post = post
        self._digits = "0"
        # The houses go when both operators do: with the page.
        weakref.finalize(self, stack.close)

    def types(self, line: str) -> None:
        words = [self._read(word) for word in re.findall(r'"[^"]*"|\S+', line)[1:]]
        done = self._deployment.house.warchest(*words)
        said = (done.stdout + re.sub(r"^(?!Error).*\n", "", done.stderr, flags=re.MULTILINE)).replace(
            f"{self._post}/", ""
        )
        if found := re.search(_SAME_IN_EACH_RUN[0][0], said):
            self._digits = found[0]
        for pattern, same in _SAME_IN_EACH_RUN:
            said = re.sub(pattern, same, said)
        print(said, end="")

    def _read(self, word: str) -> str:
        if word.endswith(".letter"):
            return str(self._post / word)
        return self._digits if word.startswith('"01234') else word.strip('"')

    def waits_for(self, code: str) -> None:
        """Until the gateways have found each other."""
        until(
            lambda: "WRONG  The line" not in self._deployment.house.warchest("cluster", "check", code).stdout
        )

    def asks(self, path: str) -> None:
        answer = self._deployment.api("GET", path)
        print(answer.status_code, answer.json().get("nickname") or answer.json()["code"])

    def sends(self, amount: str, *, sender: str, recipient: str) -> None:
        """By the API of this operator's cluster; comes back when it has arrived."""
        asked = {"from": sender, "to": recipient, "amount": {"amount": amount, "currency": "XCR"}}
        made = self._deployment.api("POST", "/transfers", **asked).json()
        print(made["state"], "for", made["cluster"])
        until(lambda: self._deployment.api("GET", f"/transfers/{made['id']}").json()["state"] == "captured")
        print("captured")

    def line_cut(self):  # type: ignore[no-untyped-def]
        return self._deployment.line_cut()


def two_operators() -> tuple[OperatorOf, OperatorOf]:
    stack = ExitStack()
    main, west = stack.enter_context(two_deployments())
    post = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return OperatorOf(main, post, stack), OperatorOf(west, post, stack)
