"""How the portal writes amounts and moments: in the reader's language, unit after the amount."""

from datetime import date, datetime, time

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, format_time
from babel.numbers import format_decimal
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, gettext, to_locale

from warchest.kernel.currency import INNER, Currency
from warchest.kernel.money import Money

register = template.Library()

MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
# In a right-to-left line a sign would jump to the far side of its number; the isolate holds the two together.
LEFT_TO_RIGHT_ISOLATE = "\u2066"
END_OF_ISOLATE = "\u2069"


@register.filter
def money(amount: Money | str | None, how: str = "") -> str:
    """`{{ amount|money }}` → "1,240 credits", "20.00 EUR"; "" stays "".

    `how` is "signed" to show a plus as well, or "short" to drop cents that are zero (amounts to choose from).
    """
    if not isinstance(amount, Money):
        return ""
    return f"{number(amount, how)}{NO_BREAK_SPACE}{unit(amount)}"


@register.filter
def number(amount: Money | str | None, how: str = "") -> str:
    """The amount without its unit, for pages that set the two in different sizes."""
    if not isinstance(amount, Money):
        return ""
    locale = reader()
    digits = _digits(abs(amount.minor), amount.currency, locale, is_short=how == "short")
    sign = MINUS if amount.minor < 0 else "+" if how == "signed" and amount.minor > 0 else ""
    if sign and locale.character_order == "right-to-left":
        return f"{LEFT_TO_RIGHT_ISOLATE}{sign}{digits}{END_OF_ISOLATE}"
    return f"{sign}{digits}"


@register.filter
def unit(amount: Money | str | None) -> str:
    """What the amount is counted in: the community's own word, or the currency's code."""
    if not isinstance(amount, Money):
        return ""
    if amount.currency.code == INNER.code:
        return str(getattr(settings, "WARCHEST_UNIT_NAME", "") or gettext("credits"))
    return str(amount.currency.code)


@register.filter
def per_cent(rate_bps: int | None) -> str:
    """A rate in hundredths of a per cent: "19 %", "5.5 %"."""
    if rate_bps is None:
        return ""
    whole, rest = divmod(rate_bps, 100)
    decimals = f"{reader().number_symbols['latn']['decimal']}{rest:02d}".rstrip("0") if rest else ""
    return f"{whole}{decimals}{NO_BREAK_SPACE}%"


@register.filter
def moment(at: datetime | None) -> str:
    """Day and time on the reader's clock: "Thu, Mar 5, 2026, 14:05"."""
    if not at:
        return ""
    return f"{day(at)}, {clock(at)}"


@register.filter
def whole(value: int | None) -> str:
    """A number of things, in groups as the reader writes it: "1,240"."""
    return "" if value is None else str(format_decimal(value, locale=reader()))


@register.filter
def day(at: date | datetime | None) -> str:
    """A day with its weekday: "Thu, Mar 5, 2026"."""
    return _written(at, "yMMMEd")


@register.filter
def short_day(at: date | datetime | None) -> str:
    """A day where the year goes without saying: "Thu, Mar 5"."""
    return _written(at, "MMMEd")


@register.filter
def month(at: date | datetime | None) -> str:
    """A month by name: "March 2026"."""
    return _written(at, "yMMMM")


@register.filter
def clock(at: datetime | None) -> str:
    """The time of day: "14:05"."""
    if not at:
        return ""
    local: time = _on_readers_clock(at).time()
    return format_time(local, "short", locale=reader())


@register.filter
def share_of(part: int | None, whole: int | None) -> int:
    """`part` of `whole` in whole percent from 0 to 100, for rings and bars."""
    if not part or not whole or part < 0 or whole < 0:
        return 0
    return min(100, part * 100 // whole)


def _digits(minor: int, currency: Currency, locale: Locale, *, is_short: bool) -> str:
    exponent = currency.exponent
    if (is_short or currency.code == INNER.code) and minor % 10**exponent == 0:
        minor, exponent = minor // 10**exponent, 0
    # Written from integers: an amount never passes through a float.
    whole, cents = divmod(minor, 10**exponent)
    text = format_decimal(whole, format="#,##0", locale=locale)
    if not exponent:
        return text
    return f"{text}{locale.number_symbols['latn']['decimal']}{cents:0{exponent}d}"


def _written(at: date | datetime | None, skeleton: str) -> str:
    if not at:
        return ""
    if isinstance(at, datetime):
        at = _on_readers_clock(at).date()
    return format_skeleton(skeleton, at, locale=reader())


def _on_readers_clock(at: datetime) -> datetime:
    return timezone.localtime(at) if timezone.is_aware(at) else at


def reader() -> Locale:
    """The locale of the language that is active now."""
    try:
        return Locale.parse(to_locale(get_language() or settings.LANGUAGE_CODE))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
