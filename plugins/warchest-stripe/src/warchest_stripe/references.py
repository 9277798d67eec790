"""Our references at Stripe: when each was made, and where it is looked for when its number never came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from warchest_stripe.answers import REFERENCE, Page
from warchest_stripe.asking import Stripe, Unclear

PAGES_MAX = 20
"""So many pages of a hundred are looked through, and then no further."""


def made_at(reference: str) -> int | None:
    """When our reference was made, Unix seconds: it is a UUIDv7. None where it is another's idea of a reference."""
    try:
        made = UUID(reference)
    except ValueError:
        return None
    return (made.int >> 80) // 1000 if made.version == 7 else None


def age_s(reference: str) -> float | None:
    at = made_at(reference)
    return None if at is None else time.time() - at


def look_through(stripe: Stripe, listed: Callable[[Any], Any], params: dict[str, Any], reference: str) -> str:
    """The number of the first in a list that is of our reference, empty where there is none. Raises Unclear."""
    wanted: dict[str, Any] = {**params, "limit": 100}
    for _ in range(PAGES_MAX):
        page, _ = stripe.look(lambda wanted=wanted: listed(wanted), Page)  # type: ignore[misc]
        for found in page.data:
            if reference in (found.client_reference_id, (found.metadata or {}).get(REFERENCE)):
                return found.id
        if not page.has_more or not page.data:
            return ""
        wanted = {**wanted, "starting_after": page.data[-1].id}
    raise Unclear("too_many_to_look_through")


def keyed(key: str) -> Any:
    """The option under which a repeated request is one."""
    return {"idempotency_key": key}
