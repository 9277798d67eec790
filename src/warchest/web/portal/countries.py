"""Names of countries, languages and time zones in the reader's language."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from zoneinfo import available_timezones

import pycountry
from babel import Locale, UnknownLocaleError

_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@lru_cache(maxsize=32)
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """(ISO 3166-1 code, name) of every country, in the order of their names."""
    names = _locale(language).territories
    listed = [
        (country.alpha_2, str(names.get(country.alpha_2, country.name))) for country in pycountry.countries
    ]
    return tuple(sorted(listed, key=lambda row: _sorted_by(row[1])))


@lru_cache(maxsize=32)
def currency_names(language: str) -> dict[str, str]:
    return {code: str(name) for code, name in _locale(language).currencies.items()}


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Zones of places and UTC, by name; not the old and technical ones."""
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.partition("/")[0] in _AREAS))


def country_wished(accept_language: str, *, otherwise: str) -> str:
    """The country of the first language that the browser names with one: ``de-AT`` is Austria."""
    known = {country.alpha_2 for country in pycountry.countries}
    for part in accept_language.split(","):
        region = part.split(";")[0].strip().partition("-")[2].rpartition("-")[2].upper()
        if region in known:
            return region
    return otherwise


def _sorted_by(name: str) -> str:
    # Accents do not move a name to the end of the list: Åland stands among the As.
    bare = unicodedata.normalize("NFKD", name)
    return "".join(character for character in bare if not unicodedata.combining(character)).casefold()


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
