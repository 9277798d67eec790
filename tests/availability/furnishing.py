"""Run by itself, by whichever version of the code: fills an empty house, and tells on one line what is in it."""

from __future__ import annotations

import json
import sys


def main(*, players: int, cards: int) -> None:
    import django

    django.setup()

    from tests.builders.api import an_api_client
    from tests.builders.cards import a_batch
    from tests.builders.house import ARENA_MONTH, furnish
    from tests.builders.people import a_player

    furnish()
    told = {
        "api_key": an_api_client(),
        "plan": str(ARENA_MONTH),
        "players": [str(a_player(with_units="600000").id) for _ in range(players)],
        "codes": [card.code for card in a_batch(quantity=cards).cards] if cards else [],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(players=int(sys.argv[1]), cards=int(sys.argv[2]))
