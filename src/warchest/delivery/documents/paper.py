"""What stands on a document, ready to be set: every word in the document's own language, every amount written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pycountry
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal
from django.utils import translation
from django.utils.translation import gettext, pgettext, to_locale

from warchest.accounting.contract import (
    Accounting,
    Document,
    DocumentKind,
    EvidenceKind,
    TaxLine,
)
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.members.contract import Buyer, Members, VatCheck
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

_NO_BREAK_SPACE = "\u00a0"
# What comes from elsewhere keeps its own direction within a line of another.
_FIRST_STRONG_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the document with its tax: what, at which rate, net, tax, gross."""

    what: str
    rate: str
    net: str
    tax: str
    gross: str


@dataclass(frozen=True, slots=True)
class Paper:
    """Texts by their place on the page; an empty one is left out. ``facts`` are labels and values."""

    title: str
    number: str
    language: str
    rtl: bool
    community: str
    accent: str
    seller_name: str
    seller_lines: tuple[str, ...]
    seller_facts: tuple[tuple[str, str], ...]
    buyer_label: str
    buyer_lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    item_label: str
    item: str
    item_note: str
    columns: tuple[str, str, str, str, str]
    rows: tuple[Row, ...]
    total_label: str
    total: str
    notes: tuple[str, ...]
    page: str
    issued_at: datetime


def paper_of(document: Document) -> Paper:
    """Asks for who bought, and for the number of the document that this one corrects."""
    buyer = None
    if document.player and document.sealed_buyer:
        buyer = services.get(Members).unseal_buyer(player_id=document.player, sealed=document.sealed_buyer)
    corrected = [services.get(Accounting).document(document_id=one) for one in document.corrects]
    with translation.override(document.language):
        return _Writer(document).paper(buyer, corrected)


def title_of(kind: DocumentKind) -> str:
    match kind:
        case DocumentKind.RECEIPT:
            return pgettext("title of a document", "Receipt")
        case DocumentKind.TAX_INVOICE:
            return pgettext("title of a document", "Invoice")
        case DocumentKind.CREDIT_NOTE:
            return pgettext("title of a document", "Credit note")


def written(amount: Money) -> str:
    """An amount with its unit behind it, in the form of the language that is active now."""
    return _Writer.amount(amount, _locale())


class _Writer:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._locale = _locale()
        self._zone = ZoneInfo(configuration().documents.time_zone)

    def paper(self, buyer: Buyer | None, corrected: Sequence[Document]) -> Paper:
        document, house = self._document, configuration().community
        return Paper(
            title=title_of(document.kind),
            number=document.number,
            language=document.language,
            rtl=translation.get_language_bidi(),
            community=house.name,
            accent=house.accent,
            seller_name=document.seller.name,
            seller_lines=tuple(
                map(self._apart, (*document.seller.address, self._country(document.seller.country)))
            ),
            seller_facts=self._seller_facts(),
            buyer_label=pgettext("who a document is for", "For"),
            buyer_lines=tuple(map(self._apart, self._buyer_lines(buyer))),
            facts=self._facts(corrected),
            item_label=pgettext("what a document is about", "Item"),
            item=self._apart(document.item),
            item_note=self._item_note(),
            columns=(
                pgettext("column of a document", "What"),
                pgettext("column of a document", "Tax rate"),
                pgettext("column of a document", "Net"),
                pgettext("column of a document", "Tax"),
                pgettext("column of a document", "Total"),
            ),
            rows=tuple(map(self._row, document.lines)),
            total_label=self._total_label(),
            total=self.amount(document.gross, self._locale),
            notes=tuple(self._notes()),
            page=gettext("Page"),
            issued_at=document.issued_at,
        )

    def _apart(self, text: str) -> str:
        return (
            f"{_FIRST_STRONG_ISOLATE}{text}{_END_OF_ISOLATE}"
            if text and translation.get_language_bidi()
            else text
        )

    def _seller_facts(self) -> tuple[tuple[str, str], ...]:
        seller = self._document.seller
        facts = (
            (gettext("VAT number"), seller.vat_number),
            (pgettext("where a company is registered", "Registered"), seller.registration),
            (gettext("E-mail"), seller.email),
        )
        return tuple((label, self._apart(value)) for label, value in facts if value)

    def _buyer_lines(self, buyer: Buyer | None) -> tuple[str, ...]:
        if buyer is None:
            return (gettext("A player whose data was erased"),) if self._document.player else ()
        if buyer.details is None:
            return (buyer.nickname,)
        details = buyer.details
        lines = [details.name, *details.address, self._country(details.country)]
        if details.vat_number:
            lines.append(f"{gettext('VAT number')}: {details.vat_number}")
            if details.vat_check is VatCheck.REGISTERED and details.vat_checked_at:
                on = self._day(details.vat_checked_at)
                lines.append(gettext("(registered, as VIES said on %(day)s)") % {"day": on})
        return tuple(lines)

    def _facts(self, corrected: Sequence[Document]) -> tuple[tuple[str, str], ...]:
        document = self._document
        supplied = {
            DocumentKind.RECEIPT: pgettext("label before a day", "Paid on"),
            DocumentKind.TAX_INVOICE: pgettext("label before a day", "Bought on"),
            DocumentKind.CREDIT_NOTE: pgettext("label before a day", "Returned on"),
        }[document.kind]
        facts = [
            (pgettext("label before the number of a document", "Number"), document.number),
            (pgettext("label before a day", "Date"), self._day(document.issued_at)),
            (supplied, self._day(document.occurred_at)),
        ]
        facts += (
            (
                pgettext("label before the number of a document", "Corrects"),
                gettext("%(number)s of %(day)s")
                % {"number": before.number, "day": self._day(before.issued_at)},
            )
            for before in corrected
        )
        if document.payment:
            facts.append((gettext("Payment number"), str(document.payment)))
        facts.append((gettext("Journal entry"), str(document.entry_id)))
        return tuple(facts)

    def _item_note(self) -> str:
        document = self._document
        if document.kind is DocumentKind.RECEIPT and document.units_per_major:
            rate = format_decimal(document.units_per_major, locale=self._locale, decimal_quantization=False)
            return gettext("1 %(currency)s = %(rate)s %(units)s") % {
                "currency": document.gross.currency.code,
                "rate": rate,
                "units": _unit_name(),
            }
        if document.units and document.kind is not DocumentKind.RECEIPT:
            return self.amount(document.units, self._locale)
        return ""

    def _row(self, line: TaxLine) -> Row:
        if line.rate_bps is None:
            what, rate = gettext("Credits, for several purposes"), "–"
        else:
            what = gettext("Online service, %(country)s") % {
                "country": self._apart(self._country(line.country) or "–")
            }
            rate = _per_cent(line.rate_bps, self._locale)
        return Row(
            what=what,
            rate=rate,
            net=self.amount(line.net, self._locale),
            tax=self.amount(line.tax, self._locale),
            gross=self.amount(line.net + line.tax, self._locale),
        )

    def _total_label(self) -> str:
        match self._document.kind:
            case DocumentKind.RECEIPT:
                return gettext("Received")
            case DocumentKind.TAX_INVOICE:
                return gettext("Total, paid from the wallet")
            case DocumentKind.CREDIT_NOTE:
                return gettext("Goes back to you")

    def _notes(self) -> list[str]:
        document, notes = self._document, []
        if any(line.rate_bps is None for line in document.lines):
            notes.append(
                gettext(
                    "Credits can be used for several services. Tax is due when they are used, and then you get an invoice"
                    " (articles 30a and 30b of Directive 2006/112/EC)."
                )
            )
        if document.place and document.evidence:
            notes.append(
                gettext("Taxed in %(country)s, by: %(evidence)s.")
                % {
                    "country": self._apart(self._country(document.place)),
                    "evidence": ", ".join(
                        self._apart(f"{_EVIDENCE[piece.kind]()} ({piece.country})")
                        for piece in document.evidence
                    ),
                }
            )
        return notes

    def _country(self, code: str) -> str:
        known = pycountry.countries.get(alpha_2=code) if code else None
        return self._locale.territories.get(code, known.name if known else code)

    def _day(self, at: datetime) -> str:
        return format_date(at.astimezone(self._zone).date(), "long", locale=self._locale)

    @staticmethod
    def amount(amount: Money, locale: Locale) -> str:
        # Written from integers: an amount never passes through a float.
        exponent, minor = amount.currency.exponent, amount.minor
        is_units = amount.currency.code == INNER.code
        if is_units and minor % amount.currency.minor_per_major == 0:
            exponent, minor = 0, minor // amount.currency.minor_per_major
        whole, cents = divmod(minor, 10**exponent)
        text = format_decimal(whole, format="#,##0", locale=locale)
        if exponent:
            text += f"{locale.number_symbols['latn']['decimal']}{cents:0{exponent}d}"
        return f"{text}{_NO_BREAK_SPACE}{_unit_name() if is_units else amount.currency.code}"


_EVIDENCE = {
    EvidenceKind.ACCOUNT: lambda: gettext("your account"),
    EvidenceKind.PAYMENT: lambda: gettext("your last payment"),
    EvidenceKind.INSTRUMENT: lambda: gettext("your card or bank"),
    EvidenceKind.ADDRESS: lambda: gettext("your network"),
    EvidenceKind.VAT_NUMBER: lambda: gettext("your VAT number"),
}


def _unit_name() -> str:
    from django.conf import settings

    return str(settings.WARCHEST_UNIT_NAME)


def _per_cent(rate_bps: int, locale: Locale) -> str:
    whole, rest = divmod(rate_bps, 100)
    text = str(whole)
    if rest:
        text += f"{locale.number_symbols['latn']['decimal']}{rest:02d}".rstrip("0")
    return f"{text}{_NO_BREAK_SPACE}%"


def _locale() -> Locale:
    try:
        return Locale.parse(to_locale(translation.get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
