"""Keeps secrets out of what operators read: log lines, stack traces, what a command says went wrong.

Three nets, since each has holes. By *name*: what is called a password, a token, a code is not written. By *shape*: a card's
code, an API key, a number that passes for a payment card's, an address with a password in it are recognised wherever they
stand, an exception's text included. By *value*: the deployment's own secrets, as they lie in its home and its
configuration, are known and struck out.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import msgspec

from warchest.kernel import codes
from warchest.runtime.secrets import home

STRUCK = "***"

_HARMLESS = re.compile(
    r"(status|country|currency|language|reason|exit|error|http|problem|sql|close|return)_?code|code_(point|length)"
    r"|codes?_(made|count)|tokens?_(count|left|used)|secretary|compass",
    re.IGNORECASE,
)
_SECRET_NAME = (
    r"passw|passphrase|passwd|secret|token|authori[sz]ation|cookie|credential|api[-_ ]?key|private[-_ ]?key"
    r"|card[-_ ]?number|cvc|cvv|csrf|otp(?![a-z])|session[-_ ]?(?:id|key)"
)
_NAME = re.compile(
    rf"{_SECRET_NAME}|(?:^|[_-])code(?:$|s?[_-])|(?:^|[_-])pan(?:$|[_-])|(?:^|[_-])pin(?:$|[_-])", re.I
)


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is written nowhere."""
    return bool(_NAME.search(name)) and not _HARMLESS.search(name)


def redacted(value: Any, *, name: str = "") -> Any:
    """The value as it may be written: mappings and lists are walked through, texts are read."""
    if name and is_secret_name(name) and value not in (None, "", True, False):
        return STRUCK
    match value:
        case str():
            return text_redacted(value)
        case bytes():
            return text_redacted(value.decode(errors="replace"))
        case bool() | None:
            return value
        case int():
            return STRUCK if _is_payment_card(str(value)) else value
        case float():
            return value
        case Mapping():
            return {key: redacted(one, name=str(key)) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(one) for one in value]
        case _:
            return text_redacted(str(value))


def text_redacted(text: str) -> str:
    """A text without what looks like a secret, and without those that are known."""
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    known = _known_values(_state_of_home())
    return known.sub(STRUCK, text) if known else text


# By shape.


def _is_payment_card(digits: str) -> bool:
    """Luhn's check (ISO/IEC 7812) over the lengths and first digits that payment cards have."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _without_payment_card(found: re.Match[str]) -> str:
    return STRUCK if _is_payment_card(re.sub(r"\D", "", found[0])) else found[0]


def _without_code(found: re.Match[str]) -> str:
    """Codes of cards, as they are typed. Not hexadecimal numbers, which are ours, nor what ends in many digits: serials."""
    code = codes.normalise(found[0])
    # The other alphabets' shortest codes have 60 random bits: sixteen letters, or twenty digits.
    if any(
        len(code) >= shortest and codes.is_whole(code, length=len(code), alphabet=alphabet)
        for alphabet, shortest in (("letters", 16), ("digits", 20))
    ):
        return STRUCK
    if re.fullmatch(r"[0-9A-Fa-f]+|[A-Za-z]+|\w*\d{11}", found[0]):
        return found[0]
    return STRUCK if codes.is_whole(code, length=len(code)) else found[0]


def _without_printed_code(found: re.Match[str]) -> str:
    """With dashes, whatever looks like one; with spaces, what is one or mixes letters with digits as words do not."""
    if found[1] == "-":
        return STRUCK if any(map(str.isdigit, found[0])) else found[0]
    mixed = any(any(map(str.isdigit, group)) and not group.isdigit() for group in found[0].split())
    code = codes.normalise(found[0])
    return STRUCK if mixed or codes.is_whole(code, length=len(code)) else found[0]


_Replacement = str | Callable[[re.Match[str]], str]

_SHAPES: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    # What PostgreSQL quotes in its errors: the statement with its values, a whole row, a key, a parameter.
    (re.compile(r"^(\s*LINE \d+: ).*(?:\n[ ]*\^[ ]*$)?", re.MULTILINE), rf"\1{STRUCK}"),
    (re.compile(r"(Failing row contains \().*(\)\.)", re.DOTALL), rf"\1{STRUCK}\2"),
    (
        re.compile(
            r"(Key \([^)]*\)=\().*?(\) (?:already exists|is not present|is still referenced|conflicts))",
            re.DOTALL,
        ),
        rf"\1{STRUCK}\2",
    ),
    (re.compile(r"(parameter \$\d+ = )'(?:[^']|'')*'"), rf"\1{STRUCK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL), STRUCK),
    # An address with a password: nothing of the password may be left, also where it holds an @ or a slash.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s\"']*@", re.IGNORECASE), rf"\1{STRUCK}@"),
    (re.compile(r"\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {STRUCK}"),
    (re.compile(r"\b(?:(?:set-)?cookie)\s*:\s*[^\r\n]+", re.IGNORECASE), f"cookie: {STRUCK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), STRUCK),
    (re.compile(r"\b(wck?|whsec|[spr]k_live|[spr]k_test|rk|xox[bp]|ghp)_[\w+/=-]{12,}"), rf"\1_{STRUCK}"),
    # name=value, 'name': 'value', name: value, as drivers, dictionaries and headers are written.
    (
        re.compile(
            rf"([\"']?\b[\w.-]*(?:{_SECRET_NAME})[\w-]*[\"']?\s*(?:=>|[=:])\s*)"
            r"(?:[bru]?\"(?:[^\"\\]|\\.)*\"|[bru]?'(?:[^'\\]|\\.)*'|[^\s,;&)}\]\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{STRUCK}",
    ),
    (re.compile(r"([?&](?:code|pin|key|sig)=)[^\s&\"'#]+", re.IGNORECASE), rf"\1{STRUCK}"),
    (
        re.compile(r"(?<![\w.-])[2-6]\d{3}(?:([ -]?)\d{4}\1\d{4}\1\d{1,7}|([ -]?)\d{6}\2\d{5})(?![\w-])"),
        _without_payment_card,
    ),
    (re.compile(r"(?<![\w.-])[2-6]\d{12,18}(?![\w-])"), _without_payment_card),
    # Groups of four: a card's code as it is printed, right or mistyped.
    (
        re.compile(
            r"(?<![\w-])(?!(?:[0-9A-Fa-f]{4}[ -])+[0-9A-Fa-f]{1,4}(?![\w-]))"
            r"[0-9A-Za-z]{4}([ -])[0-9A-Za-z]{4}\1[0-9A-Za-z]{4}(?:\1[0-9A-Za-z]{4}){0,4}\1[0-9A-Za-z]{1,4}(?![\w-])"
        ),
        _without_printed_code,
    ),
    (re.compile(r"(?<![\w.-])[0-9A-Za-z]{12,32}(?!\.?\w|-)"), _without_code),
    (re.compile(r"[\w.+%-]+@(?=[\w-]+\.[\w.-]+)"), f"{STRUCK}@"),
)


# By value.

_VALUE_LENGTH_MIN = 8


def _state_of_home() -> int:
    """Changes when a secret is made."""
    try:
        return (home() / "secrets").stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=1)
def _known_values(_state: int) -> re.Pattern[str] | None:
    values = {value for value in _values() if len(value) >= _VALUE_LENGTH_MIN}
    if not values:
        return None
    return re.compile("|".join(re.escape(value) for value in sorted(values, key=len, reverse=True)))


def _values() -> Iterator[str]:
    """The deployment's secrets, as they are written: what is bytes, as hexadecimal."""
    with suppress(OSError):
        for file in sorted((home() / "secrets").iterdir()):
            with suppress(OSError):
                content = file.read_bytes()[:4096]
                yield content.hex()
                with suppress(UnicodeDecodeError):
                    yield content.decode().strip()
    from warchest.kernel.errors import UnableTo
    from warchest.runtime.configuration import configuration

    with suppress(UnableTo):
        yield from _in_configuration(msgspec.to_builtins(configuration()))


def _in_configuration(value: object, name: str = "") -> Iterator[str]:
    match value:
        case dict():
            for field, one in value.items():
                yield from _in_configuration(one, str(field))
        case list() | tuple():
            for one in value:
                yield from _in_configuration(one, name)
        case str() if is_secret_name(name):
            yield value
        case str():
            yield from _passwords_of(value, is_address=name in ("url", "urls"))


def _passwords_of(address: str, *, is_address: bool) -> Iterator[str]:
    found = re.match(r"\w+://[^:/]*:(.*)@", address) or re.search(r"password\s*=\s*'?([^\s']+)", address)
    if found:
        yield found[1]
        yield unquote(found[1])
    elif is_address and "=" not in address and "://" not in address:
        # Neither an address nor a list of settings: perhaps the password alone, put in the wrong place.
        yield address


# A process's last words.


def guard_last_words() -> None:
    """Have what ends a process or a thread told on standard error as Python does, and without secrets."""
    sys.excepthook = _told
    threading.excepthook = lambda last: _told(last.exc_type, last.exc_value, last.exc_traceback)


@contextmanager
def last_words_guarded() -> Iterator[None]:
    """For what is called by somebody who would write our error down by himself: says it here, and ends the process."""
    try:
        yield
    except Exception as error:
        _told(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


def _told(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, SystemExit):
        sys.stderr.write(text_redacted("".join(traceback.format_exception(kind, error, trace))))
