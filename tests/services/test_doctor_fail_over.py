"""What ``warchest doctor`` says of a database that several servers share."""

from __future__ import annotations

import pytest

from warchest.cli.doctor_databases import fail_over

THREE = "10.0.0.11,10.0.0.12,10.0.0.13"


@pytest.mark.parametrize(
    ("host", "options", "awaited", "wells"),
    [
        ("127.0.0.1", {}, "", []),
        (THREE, {"target_session_attrs": "read-write"}, "db2", [True]),
        (THREE, {"target_session_attrs": "primary"}, "*", [True]),
        (THREE, {}, "db2", [False, True]),
        (THREE, {"target_session_attrs": "any"}, "db2", [False, True]),
        (THREE, {"target_session_attrs": "read-write"}, "", [False]),
    ],
)
def test_says_what_would_be_lost(host: str, options: dict[str, str], awaited: str, wells: list[bool]) -> None:
    assert [well for well, _ in fail_over({"HOST": host, "OPTIONS": options}, awaited=awaited)] == wells
