"""What is to be known of a batch before somebody decides on it, in words: its terms, what changed in them, what they make us
owe, and how its reseller stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.cards.contract import LIABILITY_BOOK, Batch, BatchTerms, BatchVersion, Cards
from warchest.catalogue.contract import Catalogue, in_language
from warchest.journeys.steps import reseller_standing
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.order_form import ALPHABET_NAMES
from warchest.web.backoffice.templatetags.backoffice import country, per_cent, plain_number
from warchest.web.backoffice.worths import worths_words
from warchest.web.portal.templatetags.portal import day, money

RECEIVABLE_BOOK = "reseller_receivable"
_STANDING_MAX = 500

OWED_FROM = {
    "": gettext_lazy("Both is booked now: the reseller gets the cards from us."),
    "opening_balance_equity": gettext_lazy(
        "The older system sold them: only what we owe is booked, as an opening balance."
    ),
    "other_liabilities": gettext_lazy(
        "The older system sold them, and what we owe stands as other liabilities: it is moved from there."
    ),
}
"""Where what is owed for an older system's cards comes from."""


@dataclass(frozen=True, slots=True)
class Fact:
    """``before`` is what the version before said, where that was something else."""

    name: str
    value: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reseller stands: what it owes us, what we owe for its cards, and how many batches it had.

    Of one that was taken on also what is overdue, its credit limit, and by how much this batch would exceed that.
    """

    owes: Money
    not_activated: Money
    batches: int
    overdue: Money | None = None
    credit_limit: Money | None = None
    over: Money | None = None
    suspension: str = ""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """An order that waits for a decision, with all that matters for it."""

    batch: Batch
    title: str
    facts: tuple[Fact, ...]
    changes: tuple[Fact, ...]
    liability: str
    standing: Standing | None
    ordered_by: str
    grouped_digest: str
    may_decide: bool


def facts_of(terms: BatchTerms) -> tuple[Fact, ...]:
    """Every term of an order, by its name; those that say nothing are empty."""
    return tuple(Fact(name, value) for name, value in _written(terms))


def changes_since(before: BatchVersion | None, terms: BatchTerms) -> tuple[Fact, ...]:
    """What a change made otherwise."""
    if before is None:
        return ()
    rows = zip(_written(before.terms), _written(terms), strict=True)
    return tuple(Fact(name, new or "–", was or "–") for (_name, was), (name, new) in rows if was != new)


def _written(terms: BatchTerms) -> list[tuple[str, str]]:
    bits = _("%(bits)d random bits") % {"bits": terms.entropy_bits}
    code = _("%(length)d characters, in groups of %(size)d") % {
        "length": terms.code_length,
        "size": terms.group_size,
    }
    return [
        (_("Cards"), plain_number(terms.quantity)),
        (_("Spares"), plain_number(terms.spares) if terms.spares else ""),
        (_("Made by an older system, codes hashed as"), terms.import_scheme),
        (_("Digest of the file (SHA-256)"), grouped(terms.import_digest)),
        (_("A card gives"), worths_words(terms.gives)),
        (_("Price of a card"), str(money(terms.face))),
        (_("All cards"), str(money(terms.face_total))),
        (_("Who sells them"), _seller(terms)),
        (
            _("Margin"),
            f"{per_cent(terms.margin_bps)} · {money(terms.margin_total)}" if terms.reseller else "",
        ),
        (_("What was sold before"), str(OWED_FROM[terms.owed_from]) if terms.owed_from else ""),
        (_("Sold one by one as"), terms.product),
        (_("Sale at a till"), _("needed before activation") if terms.needs_sale else _("not needed")),
        (_("Taxed at each sale in"), country(terms.tax_country) if terms.tax_country else ""),
        (
            _("Codes of cards in the place of these") if terms.import_digest else _("Codes"),
            f"{code}, {bits}",
        ),
        (_("Codes are made of"), str(ALPHABET_NAMES[terms.alphabet])),
        (
            _("Format of serials"),
            _("%(prefix)s%(series)s, %(digits)d digits from %(first)s on")
            % {
                "prefix": terms.serial_prefix,
                "series": f"{terms.series:04}",
                "digits": terms.serial_digits,
                "first": terms.first_number,
            },
        ),
        (
            _("Print house"),
            f"{terms.printer} · {terms.printer_key[:16]}…" if terms.printer_key else terms.printer,
        ),
        (_("Valid until"), str(day(terms.expires_at)) if terms.expires_at else _("for ever")),
        (_("Countries"), ", ".join(map(country, terms.regions)) or _("everywhere")),
        (_("Only for this online service"), _service(terms)),
        (_("Campaign"), terms.campaign),
        (
            _("Only for new players"),
            _("who joined in the last %(days)d days") % {"days": terms.new_players_days}
            if terms.new_players_days
            else "",
        ),
    ]


def _seller(terms: BatchTerms) -> str:
    if terms.reseller:
        return terms.reseller
    return _("our own stock") if terms.stock else _("nobody: given away, promotional")


def _service(terms: BatchTerms) -> str:
    if terms.online_service is None:
        return ""
    found = {one.id: one for one in services.get(Catalogue).online_services()}
    one = found.get(terms.online_service)
    return in_language(one.names, get_language() or "en") if one else "–"


def liability_of(terms: BatchTerms) -> str:
    """What an approval leads to in the books, in a sentence."""
    total = money(terms.face_total)
    if not terms.is_for_sale:
        return _("None: what the cards give is promotional, and costs us what players then don't pay.")
    if terms.owed_from:
        return _("%(total)s at the import, which the older system was paid; no reseller owes for it.") % {
            "total": total
        }
    if terms.virtual or terms.stock:
        return _("Card by card, with each sale; at most %(total)s.") % {"total": total}
    return _("%(total)s at the hand-over; %(reseller)s then owes us %(net)s, and keeps %(margin)s.") % {
        "total": total,
        "reseller": terms.reseller,
        "net": money(terms.face_total - terms.margin_total),
        "margin": money(terms.margin_total),
    }


def standing_of(terms: BatchTerms, *, but: Batch | None = None) -> Standing | None:
    """None where no reseller is named. ``but``: the batch that is asked about."""
    if not terms.reseller:
        return None
    ledger, code = services.get(Ledger), terms.face.currency.code
    others = [
        one
        for one in services.get(Cards).batches(limit=_STANDING_MAX)
        if one.terms.reseller == terms.reseller and one.approved_at and (but is None or one.id != but.id)
    ]
    zero = Money.zero(terms.face.currency)
    taken_on = services.get(Cards).reseller_named(name=terms.reseller)
    standing = Standing(
        owes=ledger.balance(account=AccountRef(RECEIVABLE_BOOK, code, terms.reseller)).posted,
        not_activated=sum(
            (
                ledger.balance(account=AccountRef(LIABILITY_BOOK, code, str(one.id))).posted
                for one in others
                if one.terms.face.currency == terms.face.currency
            ),
            zero,
        ),
        batches=len(others),
    )
    if taken_on is None or taken_on.terms.credit_limit.currency != terms.face.currency:
        return standing
    told = reseller_standing.standing_of(services.get(Cards), ledger, taken_on, at=now())
    limit = taken_on.terms.credit_limit
    beyond = told.owed + told.on_the_way + terms.face_total - terms.margin_total - limit
    return replace(
        standing,
        overdue=told.overdue,
        credit_limit=limit,
        over=beyond if beyond.minor > 0 and not (terms.virtual or terms.stock) else None,
        suspension=taken_on.suspension if taken_on.suspended_at else "",
    )


def awaiting(batch: Batch, *, may_decide: bool) -> Awaiting:
    versions: Sequence[BatchVersion] = services.get(Cards).versions(batch_id=batch.id)
    people = {one.id: one.username for one in services.get(Members).administrators()}
    return Awaiting(
        batch=batch,
        title=title_of(batch),
        facts=tuple(fact for fact in facts_of(batch.terms) if fact.value),
        changes=changes_since(versions[-1] if versions else None, batch.terms),
        liability=liability_of(batch.terms),
        standing=standing_of(batch.terms, but=batch),
        ordered_by=people.get(batch.ordered_by, ""),
        grouped_digest=grouped(batch.digest),
        may_decide=may_decide,
    )


def title_of(batch: Batch) -> str:
    return f"{batch.terms.serial_prefix}{batch.terms.series:04}"


def grouped(digest: str) -> str:
    """Digits in groups that two people can read to each other."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))
