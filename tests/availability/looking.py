"""Run by itself, by whichever version of the code: tells on one line what stands in the books."""

from __future__ import annotations

import json
import sys
from uuid import UUID

_ENTRIES = """
    SELECT id::text, count(*) FROM ledger_journalentry WHERE kind IN ('subscription', 'card_activated') GROUP BY id"""


def main(players: list[str]) -> None:
    import django

    django.setup()

    from warchest.charging.contract import Charging
    from warchest.runtime.command import now
    from warchest.runtime.services import services

    with services.database("ledger").cursor() as cursor:
        cursor.execute(_ENTRIES)
        entries = dict(cursor.fetchall())
    wallets = {
        player: services.get(Charging).wallet(player=UUID(player), at=now()).posted.minor
        for player in players
    }
    print(json.dumps({"entries": entries, "wallets": wallets}))


if __name__ == "__main__":
    main(sys.argv[1:])
