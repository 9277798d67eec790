"""How the back office writes moments, numbers and rates: in the reader's language, short enough for a table."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from django import template
from django.utils import timezone

from warchest.journeys.refusals import explain
from warchest.kernel.errors import UnableTo
from warchest.web.portal.templatetags.portal import NO_BREAK_SPACE, reader

register = template.Library()


@register.filter
def stamp(at: datetime | None) -> str:
    """Day and time: "Mar 5, 2026, 14:05"."""
    return _stamp(at, "Hm")


@register.filter
def exact_stamp(at: datetime | None) -> str:
    """Day and time to the second, where the order of what was said matters: "Mar 5, 2026, 14:05:09"."""
    return _stamp(at, "Hms")


@register.filter
def plain_number(value: Decimal | int | str | None) -> str:
    """A number without the zeros at its end: "1,240", "0.61"."""
    if value is None or value == "":
        return ""
    return format_decimal(Decimal(value), format="#,##0.########", locale=reader())


@register.filter
def per_cent(bps: int | None) -> str:
    """Hundredths of a per cent as per cent: "7.5 %"."""
    return "" if bps is None else f"{plain_number(Decimal(bps).scaleb(-2))}{NO_BREAK_SPACE}%"


@register.filter
def country(code: str | None) -> str:
    """A country by name: "Austria"."""
    return str(reader().territories.get(code, code)) if code else ""


@register.filter
def language(code: str | None) -> str:
    """A language by name: "German"."""
    return str(reader().languages.get(code, code)) if code else ""


@register.filter
def occasion(exchange: str) -> str:
    """On what occasion a provider was asked: "opening"."""
    from warchest.web.backoffice.lists.payments import EXCHANGES

    return str(EXCHANGES.get(exchange, exchange))


def _stamp(at: datetime | None, clock: str) -> str:
    if not at:
        return ""
    local = timezone.localtime(at)
    day, time = (format_skeleton(skeleton, local, locale=reader()) for skeleton in ("yMMMd", clock))
    # Broken between day and time at most: else a table's column would become a tower.
    return f"{day.replace(' ', NO_BREAK_SPACE)}, {time}"


@register.filter
def in_groups(digits: str) -> str:
    """Digits in groups of eight, as two people read them to each other."""
    return " ".join(digits[start : start + 8] for start in range(0, len(digits), 8))


@register.filter
def at(known: Mapping[object, str], which: object) -> str:
    """What a mapping has under a key, or nothing."""
    return known.get(which, "") if which is not None else ""


@register.filter
def refusal(reason: str) -> str:
    """A refusal's sentence, by its reason."""
    return explain(UnableTo(reason)).text
