"""The end of a simulation: whatever was asked is asked again, and what came of it is counted in every database."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

from tests.simulation.spread.notes import Asked, read
from tests.simulation.spread.work import ask
from tests.simulation.spread.world import UNITS_EACH, World

_CARD_UNITS = 1000_00
_PRICE_UNITS = 500_00


def judge(folder: Path) -> None:
    """Writes the counts; an assertion that fails is the verdict."""
    from tests.builders.house import ARENA
    from warchest.cards.contract import Cards, CardState
    from warchest.charging.contract import WALLET_BOOK
    from warchest.kernel.currency import INNER
    from warchest.kernel.money import Money
    from warchest.ledger.contract import AccountRef, Ledger
    from warchest.members.contract import Members
    from warchest.runtime import feed, invariants, two_phase
    from warchest.runtime.command import now
    from warchest.runtime.services import services
    from warchest.subscriptions.contract import Subscriptions

    asked, alarms = read(folder)
    assert not alarms, alarms[:3]
    assert two_phase.in_doubt() == (), "a promise was left open"
    world = World.read(folder)

    acknowledged = {key for key, one in asked.items() if one.outcome}
    late = _ask_all_again(asked)
    done = {key: one for key, one in asked.items() if (one.outcome or "").startswith("done")}

    wallets = Counter({player: Money.parse(UNITS_EACH, INNER.code).minor for player in world.players})
    bought: Counter[str] = Counter()
    codes = {code: serial for serial, code in world.cards}
    activated: Counter[str] = Counter()
    for one in done.values():
        match one.work:
            case "buy":
                wallets[one.arguments["player"]] -= _PRICE_UNITS
                bought[one.arguments["player"]] += 1
            case "activate":
                wallets[one.arguments["player"]] += _CARD_UNITS
                activated[codes[one.arguments["code"]]] += 1
            case "transfer":
                wallets[one.arguments["sender"]] -= one.arguments["units"]
                wallets[one.arguments["recipient"]] += one.arguments["units"]

    ledger, cards = services.get(Ledger), services.get(Cards)
    for player, minor in wallets.items():
        stands = ledger.balance(account=AccountRef(WALLET_BOOK, INNER.code, player)).posted.minor
        assert stands == minor, f"the wallet of {player}: {stands} instead of {minor}"
    for serial, times in activated.items():
        assert times == 1, f"card {serial} was activated {times} times"
    for serial, _ in world.cards:
        is_activated = cards.card(serial=serial, at=now()).state is CardState.ACTIVATED
        assert is_activated == (serial in activated), f"card {serial}: activated {is_activated}"
    subscriptions = services.get(Subscriptions)
    for player in world.players:
        found = [
            one for one in subscriptions.subscriptions(player=UUID(player)) if one.online_service == ARENA
        ]
        grants = sum(len(subscriptions.grants(subscription_id=one.id)) for one in found)
        assert grants == bought[player], f"{player}: {grants} periods instead of {bought[player]}"
    told = Counter(event.topic for _, event in feed.events())
    assert told["cards.activated"] == sum(activated.values())
    assert told["subscriptions.prolonged"] == sum(bought.values())
    newcomers = [one for one in done.values() if one.work == "register"]
    for one in newcomers:
        assert len(services.get(Members).find_players(text=one.arguments["nickname"])) == 1

    ledger.fold()
    broken = [f"{found.invariant.name}: {found.places}" for found in invariants.check_all() if found.places]
    assert not broken, broken
    counts = {
        "asked": len(asked),
        "acknowledged": len(acknowledged),
        "unheard_done": len([key for key in late if key in done]),
        "refused": len(asked) - len(done),
        **Counter(one.work for one in done.values()),
    }
    (folder / "counts").write_text(json.dumps(counts))


def _ask_all_again(asked: dict[str, Asked]) -> list[str]:
    """Each answer that anybody heard is heard again; who heard none hears one now. Answers those keys that had been done
    though nobody heard of it."""
    from django.db import connections
    from django.db.utils import InterfaceError, OperationalError

    from warchest.kernel.errors import TryAgain

    late = []
    for key, one in asked.items():
        until = time.monotonic() + 30
        while True:
            try:
                outcome, replayed = ask(key, one.work, one.arguments)
                break
            except (TryAgain, OperationalError, InterfaceError):
                assert time.monotonic() < until, f"{key} is not answered"
                connections.close_all()
                time.sleep(0.1)
        if one.outcome:
            assert (outcome, replayed) == (one.outcome, True), f"{key}: {one.outcome}, and now {outcome}"
        elif replayed:
            late.append(key)
        one.outcome = outcome
    return late
