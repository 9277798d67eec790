"""Checks that every test of money ends with."""

from warchest.runtime import invariants


def assert_books_prove() -> None:
    """All invariants of the house hold."""
    broken = [f"{check.name}: {place}" for check in invariants.kept() for place in check.violations()]
    assert not broken, "\n".join(broken)
