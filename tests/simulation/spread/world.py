"""Whom and what the callers ask about."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

PLAYERS, CARDS = 10, 600
UNITS_EACH = "20000"


@dataclass(frozen=True)
class World:
    """Players with money, and cards nobody has activated yet."""

    players: list[str]
    sponsor_codes: list[str]
    cards: list[list[str]]
    """Serial and code of each."""

    @classmethod
    def make(cls, folder: Path) -> None:
        from tests.builders.cards import a_batch
        from tests.builders.people import a_player
        from warchest.runtime.command import now

        players = [a_player(nickname=f"caller{n}", with_units=UNITS_EACH, at=now()) for n in range(PLAYERS)]
        cards = a_batch(quantity=CARDS).cards
        world = {
            "players": [str(player.id) for player in players],
            "sponsor_codes": [player.sponsor_code for player in players],
            "cards": [[card.serial, card.code] for card in cards],
        }
        (folder / "world").write_text(json.dumps(world))

    @classmethod
    def read(cls, folder: Path) -> World:
        return cls(**json.loads((folder / "world").read_text()))

    def something(self, chance: Random, name: str) -> tuple[str, dict[str, Any]]:
        """A kind of work and its arguments; ``name`` is nobody else's."""
        player = chance.choice(self.players)
        match chance.choices(["buy", "activate", "transfer", "register"], [4, 4, 4, 1])[0]:
            case "buy":
                return "buy", {"player": player}
            case "activate":
                # Two may well try the same one.
                return "activate", {"player": player, "code": chance.choice(self.cards)[1]}
            case "transfer":
                other = chance.choice(self.players)
                return "transfer", {"sender": player, "recipient": other, "units": chance.randint(1, 300_00)}
            case _:
                code = chance.choice(self.sponsor_codes)
                nickname = f"new{hashlib.sha256(name.encode()).hexdigest()[:12]}"
                return "register", {"nickname": nickname, "sponsor_code": code}

    def look(self, chance: Random) -> None:
        """Ask another process something now and then, as pages do."""
        from warchest.cards.contract import Cards
        from warchest.members.contract import Members
        from warchest.runtime.command import now
        from warchest.runtime.services import services

        if chance.random() < 0.1:
            services.get(Members).player(player_id=UUID(chance.choice(self.players)))
        if chance.random() < 0.1:
            services.get(Cards).card(serial=chance.choice(self.cards)[0], at=now())
