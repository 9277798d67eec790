"""What is done to a deployment, chosen by a seed; and how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import psycopg

from tests.simulation.spread.deployment import GROUPS, Deployment, wait_until

CALLERS_EACH = 2
PROMISE_S_MAX = 10.0


class Fate:
    """One seed's blows, and what was counted."""

    def __init__(self, seed: int, deployment: Deployment) -> None:
        self._seed = seed
        self._chance = Random(seed)
        self._deployment = deployment
        self._callers = 0
        self._oldest_promise_s = 0.0
        self._ended_by_themselves: Counter[str] = Counter()
        self._over = threading.Event()
        self.counts: dict[str, object] = {}

    def run(self, *, seconds: float) -> str:
        """Answers what is wrong in the end; empty where nothing is."""
        blows: Counter[str] = Counter()
        watcher = threading.Thread(target=self._watch_promises)
        try:
            self._employ_all()
            watcher.start()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(self._chance.uniform(0.3, 1.2))
                self._replace_the_dead()
                blow, strike = self._next_blow()
                strike()
                blows[blow] += 1
            self._calm_down()
            return self._judge()
        except (AssertionError, psycopg.Error) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            self._over.set()
            if watcher.ident:
                watcher.join()
            self.counts |= {"blows": dict(blows), "oldest_promise_s": round(self._oldest_promise_s, 1)}

    def _employ_all(self) -> None:
        for host in self._deployment.hosts.values():
            for group in GROUPS:
                host.employ("serve", group)
            for _ in range(CALLERS_EACH):
                self._employ_caller(host.name)
        self._deployment.hosts["a"].employ("work")

    def _employ_caller(self, host: str) -> None:
        self._callers += 1
        self._deployment.hosts[host].employ("call", f"{self._seed}-{self._callers}")

    def _replace_the_dead(self) -> None:
        for host in self._deployment.hosts.values():
            for role in host.bury():
                if role == "call":
                    # It died at one of its own steps.
                    self._employ_caller(host.name)
                else:
                    # A process that cannot begin, since what it needs is away, ends; then its supervisor starts it again.
                    self._ended_by_themselves[role] += 1
                    host.employ(role, *([self._chance.choice(GROUPS)] if role == "serve" else []))

    def _next_blow(self) -> tuple[str, Callable[[], None]]:
        kinds = {
            "caller": 4,
            "services": 2,
            "worker": 1,
            "broker": 1,
            "default": 1,
            "people": 1,
            "shop": 2,
            "cut": 2,
        }
        blow = self._chance.choices(list(kinds), list(kinds.values()))[0]
        match blow:
            case "caller":
                return blow, lambda: self._strike("call")
            case "services":
                return blow, lambda: self._strike("serve")
            case "worker":
                return blow, lambda: self._strike("work")
            case "broker":
                return blow, self._deployment.kill_broker
            case "cut":
                return blow, lambda: self._cut(self._chance.choice("ab"), self._chance.uniform(0.3, 2.5))
            case _:
                return f"server {blow}", lambda: self._deployment.kill_server(blow)

    def _strike(self, role: str) -> None:
        found = [
            (host, number)
            for host in self._deployment.hosts.values()
            for number, of in host.children.items()
            if of == role
        ]
        if not found:
            return
        host, number = self._chance.choice(found)
        host.kill(number)
        match role:
            case "call":
                self._employ_caller(host.name)
            case "serve":
                host.employ("serve", self._chance.choice(GROUPS))
            case "work":
                self._deployment.hosts[self._chance.choice("ab")].employ("work")

    def _cut(self, host: str, seconds: float) -> None:
        line = self._deployment.lines[host]
        line.cut()
        time.sleep(seconds)
        line.heal()

    def _calm_down(self) -> None:
        """The callers are gone; who is left ends what they left behind, without being told."""
        for host in self._deployment.hosts.values():
            for number in [number for number, role in host.children.items() if role == "call"]:
                host.kill(number)
        wait_until(
            "all promises are kept or taken back", lambda: self._promised() == 0, within_s=PROMISE_S_MAX
        )

    def _promised(self) -> float:
        try:
            return self._deployment.oldest_promise_s()
        except psycopg.OperationalError:
            return 1.0

    def _watch_promises(self) -> None:
        while not self._over.wait(0.5):
            try:
                self._oldest_promise_s = max(self._oldest_promise_s, self._deployment.oldest_promise_s())
            except (psycopg.Error, OSError):
                continue

    def _judge(self) -> str:
        host = self._deployment.hosts["a"]
        before = len(host.log.read_text())
        if host.tell("judge") != 0:
            return host.log.read_text()[before:][-4000:]
        self.counts = json.loads((self._deployment.notes / "counts").read_text())
        steps = self._deployment.notes / "steps"
        died = Counter(steps.read_text().split()) if steps.exists() else Counter[str]()
        self.counts |= {"died_at": dict(died), "ended_by_themselves": dict(self._ended_by_themselves)}
        if self._oldest_promise_s > PROMISE_S_MAX:
            return f"a promise stayed open for {self._oldest_promise_s:.1f} s"
        return ""
