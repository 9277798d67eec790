"""How Stripe says no: a status, and an object with type, code and message."""

from __future__ import annotations

from typing import Any


class StripeSays(Exception):
    """An error that is answered. ``keeps`` says that the request was carried out far enough for its key to remember it."""

    def __init__(self, status: int, kind: str, message: str, *, keeps: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.keeps = keeps
        self.body = {"error": {"type": kind, "message": message} | more}


def invalid(
    message: str, *, code: str = "", param: str = "", status: int = 400, keeps: bool = False
) -> StripeSays:
    more = {name: value for name, value in (("code", code), ("param", param)) if value}
    return StripeSays(status, "invalid_request_error", message, keeps=keeps, **more)


def missing(kind: str, number: str, *, param: str = "id") -> StripeSays:
    return invalid(f"No such {kind}: '{number}'", code="resource_missing", param=param, status=404)


def declined(code: str, intent: dict[str, Any], *, decline_code: str = "") -> StripeSays:
    more = {"decline_code": decline_code} if decline_code else {}
    return StripeSays(
        402,
        "card_error",
        "Your card was declined.",
        keeps=True,
        code=code,
        payment_intent=intent,
        **more,
    )
