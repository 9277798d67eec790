"""A column of a set comes to the database as it was, whatever its values are."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warchest.kernel.ids import new_ids
from warchest.runtime import statements
from warchest.runtime.statements import column

pytestmark = pytest.mark.usefixtures("database")

# PostgreSQL keeps no zero character, and UTF-8 no half ones.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


def read_back(values: list[object], kind: str) -> list[object]:
    ((found,),) = statements.rows("runtime", f"SELECT %s::{kind}[]", [column(values)])
    return list(found)


def test_texts_with_everything_that_could_be_taken_for_something_else() -> None:
    nasty: list[object] = [
        "",
        "null",
        "NULL",
        None,
        '"',
        "\\",
        "{a,b}",
        "a\nb\tc",
        "\x7f\x01",
        "ü€𝄞",
        "\\n",
        "'; --",
    ]
    assert read_back(nasty, "text") == nasty


class Marked(str):
    """A text of a class of its own, as a template's or a translation's are."""


def test_texts_of_a_class_of_their_own() -> None:
    assert read_back([Marked("a"), Marked('b"c'), Marked("d\\")], "text") == ["a", 'b"c', "d\\"]


# The database is only asked how it reads what it is sent.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(texts, max_size=5))
def test_texts_of_any_kind(database: object, values: list[str]) -> None:
    assert read_back(list(values), "text") == values


def test_ids_numbers_and_moments() -> None:
    ids: list[object] = [*new_ids(3), UUID(int=0), None]
    assert read_back(ids, "uuid") == ids
    numbers: list[object] = [0, -1, 2**63 - 1, -(2**63), None]
    assert read_back(numbers, "bigint") == numbers
    moments: list[object] = [datetime(2026, 3, 15, 12, 0, 0, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    assert read_back(moments, "timestamptz") == moments
    assert read_back([], "uuid") == []


@pytest.mark.parametrize("table", ["subscriptions_grant", "subscriptions_deferral"])
def test_what_a_sale_refers_to_is_looked_for_where_it_is_written(table: str) -> None:
    """At the commit, outside of the functions that have rows looked up by index, a session would read whole tables."""
    found = statements.rows(
        "subscriptions",
        "SELECT condeferrable FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
        [table],
    )
    assert found == [(False,)]
