"""The gateway's name-value text: ``TRXTYPE=S&COMMENT1[7]=Level=5``.

A value that holds ``&`` or ``=`` is written with its length behind the name. Nothing is ever URL-encoded: the gateway would
take ``%26`` for three characters of the value. Quotation marks and line breaks cannot be written, not even with a length.

The documents say that the length counts characters, and name no encoding. We write UTF-8 and count bytes (our own
assumption); since the plug-in sends nothing but ASCII (see ``plain``), both counts are the same in all that it writes. Where
a length in an answer does not end at an ``&`` or at the end, the answer is malformed, and nothing in it is believed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_NAME = re.compile(rb"([A-Z][A-Z0-9_]*)(?:\[([0-9]{1,6})\])?=", re.ASCII)
_NAME_WRITTEN = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_FORBIDDEN = re.compile(r'["\x00-\x1f\x7f\x80-\x9f\u2028\u2029]')


class Malformed(ValueError):
    """The text is no name-value text, or contradicts itself."""


def encode(fields: Mapping[str, str]) -> bytes:
    """The fields in their order. Raises ValueError where a name or a value cannot be written."""
    return b"&".join(_pair(name, value) for name, value in fields.items())


def decode(text: bytes) -> dict[str, str]:
    """The fields of an answer, or of a request.

    Raises Malformed. A name that comes twice with two values is malformed as well: which one counts is a guess.
    """
    fields: dict[str, str] = {}
    place = 0
    while True:
        name, value, place = _read(text, place)
        if fields.setdefault(name, value) != value:
            raise Malformed(f"{name} stands twice, with two values")
        if place == len(text):
            return fields
        place += 1  # the ampersand


def plain(text: str, *, characters_max: int) -> str:
    """Free text as it can be sent to the gateway: ASCII, on one line, without quotation marks.

    Letters lose their accents, whatever else has no likeness becomes a question mark.
    """
    text = text.replace('"', "'").replace("ß", "ss")
    decomposed = unicodedata.normalize("NFKD", text)
    base = "".join(character for character in decomposed if not unicodedata.combining(character))
    ascii_only = base.encode("ascii", "replace").decode()
    return " ".join(_FORBIDDEN.sub(" ", ascii_only).split())[:characters_max].rstrip()


def can_be_written(value: str) -> bool:
    return not _FORBIDDEN.search(value)


def _pair(name: str, value: str) -> bytes:
    if not _NAME_WRITTEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name")
    if not can_be_written(value):
        raise ValueError(f"the value of {name} holds a quotation mark, a line break or a control character")
    written = value.encode()
    tag = f"[{len(written)}]" if "&" in value or "=" in value else ""
    return f"{name}{tag}=".encode() + written


def _read(text: bytes, place: int) -> tuple[str, str, int]:
    """The pair at this place, and the place behind it: an ampersand's, or the end."""
    found = _NAME.match(text, place)
    if found is None:
        raise Malformed("no name and equals sign where a pair begins")
    if found[2] is None:
        end = text.find(b"&", found.end())
        end = len(text) if end < 0 else end
    else:
        end = found.end() + int(found[2])
        if end > len(text) or text[end : end + 1] not in (b"", b"&"):
            raise Malformed(f"the length of {found[1].decode()} does not end where its value does")
    try:
        return found[1].decode(), text[found.end() : end].decode(), end
    except UnicodeDecodeError:
        raise Malformed(f"the value of {found[1].decode()} is no UTF-8") from None
