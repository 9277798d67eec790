"""A column of a set as one parameter: written as a whole, for statements that take an array for each column."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from warchest.runtime import statements


def column(values: Iterable[object]) -> str:
    """A parameter of an array type, as PostgreSQL reads it: of ids, whole numbers, moments or texts; None stands for null.

    JSON's lists are written as PostgreSQL's arrays are, but for the brackets and for what is written behind a backslash. Taken
    from there it costs a third of writing one value after the other.
    """
    listed = list(values)
    written = msgspec.json.encode(listed).decode()
    return statements.texts(listed) if "\\" in written else f"{{{written[1:-1]}}}"
