"""Callers who buy and activate, and who ask again under the same key whenever they were not answered."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, pairwise
from types import TracebackType
from typing import Any

import httpx

_ANSWER_S_MAX = 90
"""Who is not answered for so long, over all tries, has failed."""
FUNDED_MINOR, PRICE_MINOR, CARD_MINOR = 600_000_00, 500_00, 1_000_00
"""Of units: what each player begins with, pays for a month, gets from a card."""


@dataclass(frozen=True)
class Furniture:
    """What ``furnishing`` told."""

    api_key: str
    plan: str
    players: Sequence[str]
    codes: Sequence[str]

    @classmethod
    def read(cls, printed: str) -> Furniture:
        return cls(**json.loads(printed.splitlines()[-1]))


@dataclass(frozen=True)
class Books:
    """What ``looking`` told: how often each entry is there, and what is in each player's wallet, in minor units."""

    entries: dict[str, int]
    wallets: dict[str, int]

    @classmethod
    def read(cls, printed: str) -> Books:
        return cls(**json.loads(printed.splitlines()[-1]))


@dataclass(frozen=True)
class Request:
    key: str
    path: str
    body: dict[str, Any]
    player: str

    @property
    def is_activation(self) -> bool:
        return self.path.endswith("/activations")


@dataclass(frozen=True)
class Acknowledged:
    request: Request
    entry: str
    """The journal entry that the answer names."""
    at: float
    """By the monotonic clock, in seconds."""
    replayed: bool


@dataclass
class Tally:
    """What the callers met with. ``failed`` is what a retrying client would have had to tell its user."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def longest_silence_s(self, *, after: float = 0.0) -> float:
        """So long nobody at all was answered, at the worst; ``after`` a moment of the monotonic clock."""
        moments = [after, *sorted(answer.at for answer in self.acknowledged if answer.at >= after)][
            not after :
        ]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


class Workload:
    """``with Workload(furniture, addresses) as workload:`` callers go on buying until the end of the block."""

    def __init__(
        self, furniture: Furniture, addresses: Sequence[str], *, callers: int = 4, pause_s: float = 0.05
    ) -> None:
        self.tally = Tally()
        self.addresses = list(addresses)
        self._furniture = furniture
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._codes = iter(furniture.codes)
        self._players = cycle(furniture.players)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(number,)) for number in range(callers)]

    def __enter__(self) -> Workload:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Each caller first gets the answer that it is waiting for."""
        self.stop()
        for thread in self._threads:
            thread.join(_ANSWER_S_MAX + 30)

    def stop(self) -> None:
        """Nobody asks for anything new; who waits goes on waiting."""
        self._stop.set()

    def wait_for_answers(self, *, more: int) -> None:
        """Until so many more were answered."""
        with self._lock:
            wanted = len(self.tally.acknowledged) + more
        until = time.monotonic() + _ANSWER_S_MAX
        while len(self.tally.acknowledged) < wanted:
            assert not self.tally.failed, self.tally.failed[:5]
            assert time.monotonic() < until, f"nobody is answered any more: {self.tally.met}"
            time.sleep(0.01)

    def ask_all_again(self) -> None:
        """Every acknowledged request once more: each must answer what it answered."""
        with httpx.Client(timeout=20, trust_env=False) as client:
            for answer in list(self.tally.acknowledged):
                again = self._answer(client, answer.request, first=0)
                assert again is not None, self.tally.failed
                assert (again.entry, again.replayed) == (answer.entry, True), answer.request

    # -- what a caller does ---------------------------------------------------------------------------------

    def _go_on(self, number: int) -> None:
        client = httpx.Client(timeout=20, trust_env=False)
        try:
            while not self._stop.wait(self._pause_s):
                answer = self._answer(client, self._request(), first=number)
                if answer is not None:
                    with self._lock:
                        self.tally.acknowledged.append(answer)
        except Exception as error:
            self._fail(f"a caller gave up: {error!r}")
        finally:
            client.close()

    def _request(self) -> Request:
        with self._lock:
            number, player = next(self._numbers), next(self._players)
            code = next(self._codes, None) if number % 3 == 0 else None
        if code is not None:
            body = {"player": player, "code": code}
            return Request(f"activation-{number}", "/api/v1/cards/activations", body, player)
        body = {"plan": self._furniture.plan, "periods": 1, "pay_with": "wallet"}
        return Request(f"purchase-{number}", f"/api/v1/players/{player}/subscriptions", body, player)

    def _answer(self, client: httpx.Client, request: Request, *, first: int) -> Acknowledged | None:
        """Ask under one key until it is answered, each time at another address. None: it has failed."""
        until = time.monotonic() + _ANSWER_S_MAX
        for tries in count(first):
            addresses = self.addresses
            address = addresses[tries % len(addresses)]
            headers = {
                "Authorization": f"Bearer {self._furniture.api_key}",
                "Idempotency-Key": request.key,
            }
            if time.monotonic() > until:
                self._fail(f"{request.key} was never answered")
                return None
            try:
                response = client.post(address + request.path, json=request.body, headers=headers)
            except httpx.HTTPError as error:
                self._meet(type(error).__name__)
                time.sleep(0.02)
                continue
            self._meet(str(response.status_code))
            if response.status_code == 201:
                replayed = response.headers.get("Idempotent-Replayed") == "true"
                return Acknowledged(request, response.json()["journal_entry"], time.monotonic(), replayed)
            if response.status_code not in (429, 503):
                self._fail(f"{request.key}: {response.status_code} {response.text[:500]}")
                return None
            if (
                response.headers.get("Content-Type") != "application/problem+json"
                or "Retry-After" not in response.headers
            ):
                self._fail(f"{request.key}: no problem, or without Retry-After: {response.text[:500]}")
            # It may be sooner than we are asked to: the tests want to see the moment at which it goes on.
            time.sleep(min(float(response.headers.get("Retry-After", 1)), 0.1))
        return None

    def _meet(self, what: str) -> None:
        with self._lock:
            self.tally.met[what] += 1

    def _fail(self, what: str) -> None:
        with self._lock:
            self.tally.failed.append(what)


def assert_as_acknowledged(tally: Tally, books: Books) -> None:
    """What the callers were told against what stands in the books: nothing lost, nothing double, nothing half."""
    assert not tally.failed, tally.failed[:5]
    named = [answer.entry for answer in tally.acknowledged]
    assert len(named) == len(set(named)), "two keys were answered with the same entry"
    lost = [name for name in named if name not in books.entries]
    assert not lost, f"{len(lost)} of {len(named)} acknowledged are not in the books: {lost[:3]}"
    assert set(books.entries.values()) <= {1}
    assert len(named) == len(books.entries), f"{len(books.entries)} entries for {len(named)} acknowledged"
    expected = dict.fromkeys(books.wallets, FUNDED_MINOR)
    for answer in tally.acknowledged:
        expected[answer.request.player] += CARD_MINOR if answer.request.is_activation else -PRICE_MINOR
    assert books.wallets == expected
