"""Lists: a page, newest first, and the cursor behind which the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from ninja import Query
from pydantic import BaseModel, Field

from warchest.kernel.errors import UnableTo

T = TypeVar("T")
R = TypeVar("R")

LIMIT_MAX = 200
LIMIT = 50

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items the page has at most")]
Cursor = Annotated[
    str, Query(max_length=200, description="What the page before called next_cursor; empty for the first")
]


class UnableToTurnPage(UnableTo):
    reasons = frozenset({"cursor_malformed"})


class Page(BaseModel, Generic[T]):
    """``next_cursor`` is null on the last page."""

    items: list[T] = Field(description="Newest first")
    next_cursor: str | None


def place(cursor: str) -> int | None:
    """A cursor that is a number of ours. Raises UnableToTurnPage."""
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise UnableToTurnPage("cursor_malformed")
    return int(cursor)


def cut(rows: Sequence[R], *, limit: int, cursor_of: Callable[[R], object]) -> tuple[Sequence[R], str | None]:
    """The page's rows of ``limit + 1`` that were read, and the cursor behind the last of them."""
    page = rows[:limit]
    return page, str(cursor_of(page[-1])) if len(rows) > limit else None


def page_of(
    rows: Sequence[R], *, cursor: str, limit: int, cursor_of: Callable[[R], object]
) -> tuple[Sequence[R], str | None]:
    """A page of a list that is short enough to be read as a whole. Raises UnableToTurnPage."""
    start = 0
    if cursor:
        places = [str(cursor_of(row)) for row in rows]
        if cursor not in places:
            raise UnableToTurnPage("cursor_malformed")
        start = places.index(cursor) + 1
    return cut(rows[start : start + limit + 1], limit=limit, cursor_of=cursor_of)
