"""What a document is about, in a line of the player's language: written once, when it is issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext, pgettext, to_locale

from warchest.accounting.contract import Document, DocumentKind, DueDocument
from warchest.catalogue.contract import Catalogue, OnlineService, Plan, in_language
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money


class Shelf:
    """Names of what was sold, looked up once for many documents."""

    def __init__(self, catalogue: Catalogue, *, at: datetime) -> None:
        self._catalogue, self._at = catalogue, at
        self._services: dict[str, OnlineService] | None = None
        self._plans: dict[UUID, dict[str, Plan]] = {}

    def names(self, *, online_service: str, plan: str, language: str) -> tuple[str, str]:
        """What a service and its plan are called now; their codes where they are not to be found."""
        if self._services is None:
            self._services = {one.code: one for one in self._catalogue.online_services()}
        found = self._services.get(online_service)
        if found is None:
            return online_service, plan
        if found.id not in self._plans:
            of_service = self._catalogue.plans_of(online_service_id=found.id, at=self._at)
            self._plans[found.id] = {one.code: one for one in of_service}
        known = self._plans[found.id].get(plan)
        return in_language(found.names, language), in_language(known.names, language) if known else plan


def item_of(due: DueDocument, *, corrects: Sequence[Document], shelf: Shelf, language: str) -> str:
    with translation.override(language):
        if due.kind is DocumentKind.CREDIT_NOTE:
            return _returned(corrects)
        return _bought(due.entry_kind, due.details, due.units, shelf, language)


def _bought(kind: str, details: Mapping[str, str | int], units: Money, shelf: Shelf, language: str) -> str:
    match kind:
        case "top_up":
            return pgettext("item of a receipt", "Top-up: %(units)s") % {"units": _written(units)}
        case "subscription":
            service, plan = shelf.names(
                online_service=str(details.get("online_service", "")),
                plan=str(details.get("plan", "")),
                language=language,
            )
            periods = int(details.get("periods", 1))
            name = f"{service}, {plan}" if plan and plan != service else service
            return ngettext("%(name)s, %(periods)s period", "%(name)s, %(periods)s periods", periods) % {
                "name": name,
                "periods": periods,
            }
        case "charge":
            return pgettext("item of an invoice", "In the game: %(purpose)s") % {
                "purpose": details.get("purpose", "–")
            }
        case "card_activated":
            return gettext("Card %(serial)s") % {"serial": details.get("serial", "–")}
        case _:
            return kind.replace("_", " ").capitalize()


def _returned(corrects: Sequence[Document]) -> str:
    if not corrects:
        return gettext("Returned")
    return gettext("Returned: %(item)s") % {"item": "; ".join(dict.fromkeys(one.item for one in corrects))}


def _written(units: Money) -> str:
    whole, cents = divmod(units.minor, INNER.minor_per_major)
    locale = _locale()
    number = format_decimal(whole, format="#,##0", locale=locale)
    if cents:
        number += f"{locale.number_symbols['latn']['decimal']}{cents:02d}"
    return f"{number}\u00a0{settings.WARCHEST_UNIT_NAME}"


def _locale() -> Locale:
    try:
        return Locale.parse(to_locale(translation.get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
