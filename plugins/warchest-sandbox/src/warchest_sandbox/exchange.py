"""One request and its answer, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs

import msgspec

from warchest_sandbox.store import UnableToServe
from warchest_sandbox.wire import Problem, Refusal

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_Body = TypeVar("_Body")


@dataclass(frozen=True, slots=True)
class Answer:
    """``may_be_withheld``: whether the switch ``timeout_after_success`` swallows it."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    may_be_withheld: bool = False
    manner: Literal["", "hang", "drip"] = ""


@dataclass(frozen=True, slots=True)
class Asked:
    query: dict[str, list[str]]
    body: bytes

    def read(self, into: type[_Body]) -> _Body:
        try:
            return msgspec.json.decode(self.body, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as failure:
            raise UnableToServe("request_malformed", why=str(failure)[:200]) from None

    def form(self) -> dict[str, str]:
        try:
            fields = parse_qs(self.body.decode(), keep_blank_values=True, max_num_fields=20)
        except ValueError:
            raise UnableToServe("request_malformed") from None
        return {name: values[0] for name, values in fields.items()}

    def one(self, name: str) -> str:
        values = self.query.get(name, [])
        if len(values) != 1:
            raise UnableToServe("request_malformed", why=f"one {name} is needed")
        return values[0]


def json_answer(status: int, body: Any, *, may_be_withheld: bool = False) -> Answer:
    return Answer(status, msgspec.json.encode(body), may_be_withheld=may_be_withheld)


def problem(status: int, code: str, message: str = "") -> Answer:
    return json_answer(status, Refusal(Problem(code, message)))


def html(status: int, page: str) -> Answer:
    headers = _PAGE_HEADERS | {"Cache-Control": "no-store"}
    return Answer(status, page.encode(), "text/html; charset=utf-8", headers)
