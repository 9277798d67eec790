"""``demo.json``: what people and outside tests need to know of a demo."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from warchest.cards.contract import Worth
from warchest.cli.demo.cards import PrintedCard
from warchest.cli.demo.home import replace_file
from warchest.cli.demo.house import Staff
from warchest.cli.demo.offers import PLANS
from warchest.cli.demo.people import Person
from warchest.journeys.administer import authority
from warchest.runtime.configuration import configuration
from warchest.runtime.secrets import secret

WEBHOOK_SECRET = "webhooks"
"""The name under which ``delivery`` keeps the secret that signs webhooks."""


def contents(
    *,
    folder: Path,
    api_key: str,
    staff: Sequence[Staff],
    players: Sequence[tuple[UUID, Person, str]],
    cards: Sequence[PrintedCard],
    at: datetime,
) -> str:
    """The file's text. ``players`` are ids, persons and passwords. Writes the certificates beside, with their keys."""
    return _text(
        {
            **addresses(),
            "api_key": api_key,
            "webhook_secret": f"whsec_{b64encode(secret(WEBHOOK_SECRET)).decode()}",
            "ca_certificate": str(authority(now=at).certificate_file),
            "admins": [_admin(one, folder / "certificates") for one in staff],
            "players": [
                {"id": str(player), "nickname": person.nickname, "email": person.email, "password": password}
                for player, person, password in players
            ],
            "cards": [
                {"serial": card.serial, "code": card.code, "gives": [_worth(one) for one in card.gives]}
                for card in cards
            ],
            "plans": [str(plan.id) for plan in PLANS],
        }
    )


def addresses() -> dict[str, str]:
    """Where it all is found now."""
    here = configuration()
    return {"portal": here.public_url, "backoffice": here.backoffice_url, "api": here.public_url}


def moved(text: str) -> str:
    """The file's text with the addresses of this start; all else stays."""
    return _text({**json.loads(text), **addresses()})


def _admin(one: Staff, folder: Path) -> dict[str, str]:
    made = one.taken_on.certificate
    kept = {"certificate": made.certificate_pem, "key": made.key_pem, "pkcs12": made.pkcs12}
    endings = {"certificate": "pem", "key": "key", "pkcs12": "p12"}
    paths = {kind: folder / f"{one.username}.{ending}" for kind, ending in endings.items()}
    for kind, path in paths.items():
        replace_file(path, kept[kind])
    return {
        "username": one.username,
        "password": one.password,
        "role": one.role.value,
        **{kind: str(path) for kind, path in paths.items()},
        "pkcs12_password": made.pkcs12_passphrase,
    }


def _worth(worth: Worth) -> dict[str, Any]:
    """As the HTTP API tells it."""
    money = worth.money
    return {
        "kind": worth.kind.value,
        "amount": {"amount": money.major, "currency": money.currency.code} if money else None,
        "plan": str(worth.plan) if worth.plan else None,
        "periods": worth.periods or None,
        "tournament": str(worth.tournament) if worth.tournament else None,
    }


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2) + "\n"
