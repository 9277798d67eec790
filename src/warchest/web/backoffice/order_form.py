"""The form in which an administrator orders a batch of cards, or changes what was ordered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting
from warchest.cards.contract import (
    CODE_LENGTH_MAX,
    ENTROPY_BITS_MIN,
    QUANTITY_MAX,
    BatchTerms,
    Cards,
    Worth,
    WorthKind,
)
from warchest.catalogue.contract import Catalogue, in_language
from warchest.kernel.codes import ALPHABETS
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.portal.countries import countries

ALPHABET_NAMES = {
    "crockford": gettext_lazy("digits and letters without look-alikes (32)"),
    "letters": gettext_lazy("consonants that make no words (16)"),
    "digits": gettext_lazy("digits, for keypads (10)"),
}


class OrderForm(forms.Form):
    """What an administrator says of a batch. What the fields allow is only a help; the order itself is the rule."""

    quantity = forms.IntegerField(label=gettext_lazy("How many cards"), min_value=1, max_value=QUANTITY_MAX)
    spares = forms.IntegerField(
        label=gettext_lazy("Spares"),
        min_value=0,
        max_value=QUANTITY_MAX,
        required=False,
        initial=0,
        help_text=gettext_lazy(
            "Printed beside them, in place of those that the press spoils; one in ten is usual."
        ),
    )
    gives = forms.ChoiceField(
        label=gettext_lazy("What a card gives"),
        choices=[
            ("money", gettext_lazy("Money")),
            ("period", gettext_lazy("A period of an online service")),
            ("several", gettext_lazy("Several things")),
        ],
        widget=forms.RadioSelect,
        initial="money",
    )
    worth_amount = forms.CharField(
        label=gettext_lazy("Amount"), max_length=20, required=False, help_text=gettext_lazy("Such as 10.00.")
    )
    worth_currency = forms.ChoiceField(label=gettext_lazy("Currency"), required=False)
    plan = forms.ChoiceField(label=gettext_lazy("Plan"), required=False)
    periods = forms.IntegerField(
        label=gettext_lazy("Periods"), min_value=1, max_value=120, required=False, initial=1
    )
    tournament = forms.ChoiceField(label=gettext_lazy("A pass for a tournament"), required=False)
    sale = forms.ChoiceField(
        label=gettext_lazy("Who sells them"),
        choices=[
            ("reseller", gettext_lazy("One reseller, to whom the whole batch is delivered")),
            ("stock", gettext_lazy("Our own stock: shipped in parts, sold at tills or online")),
            ("nobody", gettext_lazy("Nobody: they are given away")),
        ],
        widget=forms.RadioSelect,
        required=False,
        initial="reseller",
    )
    face_amount = forms.CharField(
        label=gettext_lazy("Price of a card"),
        max_length=20,
        help_text=gettext_lazy("What a buyer pays for one, tax included; 0 when the cards are given away."),
    )
    face_currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    reseller = forms.CharField(
        label=gettext_lazy("Reseller"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Who owes us for the whole batch."),
    )
    margin_percent = forms.DecimalField(
        label=gettext_lazy("Reseller's margin, per cent"),
        min_value=0,
        max_value=100,
        decimal_places=2,
        required=False,
        initial=0,
    )
    product = forms.CharField(
        label=gettext_lazy("Sold one by one, as"),
        max_length=100,
        required=False,
        help_text=gettext_lazy(
            "The product's name in the store, or in ours. Then no cards are made together: each is issued when it is sold."
        ),
    )
    needs_sale = forms.BooleanField(
        label=gettext_lazy("Good only after their sale at a till"),
        required=False,
        help_text=gettext_lazy(
            "Tills tell of sales through the API; what is stolen before that is worth nothing."
        ),
    )
    tax_country = forms.ChoiceField(
        label=gettext_lazy("Taxed at each sale in"),
        required=False,
        help_text=gettext_lazy(
            "Where what the cards give and its place of tax are known. Else tax is due when they are used."
        ),
    )
    alphabet = forms.ChoiceField(label=gettext_lazy("Codes are made of"), required=False, initial="crockford")
    code_length = forms.IntegerField(
        label=gettext_lazy("Characters of a code"),
        min_value=13,
        max_value=CODE_LENGTH_MAX,
        initial=16,
        help_text=gettext_lazy("The last one checks the others."),
    )
    group_size = forms.IntegerField(
        label=gettext_lazy("In groups of"), min_value=2, max_value=8, required=False, initial=4
    )
    serial_prefix = forms.RegexField(
        r"^[A-Z][A-Z0-9]{0,5}$",
        label=gettext_lazy("Serials begin with"),
        initial="WC",
        help_text=gettext_lazy(
            "Up to six capital letters and digits; the batch's number and the card's follow."
        ),
    )
    series = forms.IntegerField(
        label=gettext_lazy("Series"),
        min_value=1,
        max_value=9999,
        required=False,
        help_text=gettext_lazy("Empty: the next one."),
    )
    serial_digits = forms.IntegerField(
        label=gettext_lazy("Digits of a running number"), min_value=4, max_value=9, required=False, initial=7
    )
    first_number = forms.IntegerField(
        label=gettext_lazy("First running number"), min_value=1, required=False, initial=1
    )
    printer = forms.ChoiceField(
        label=gettext_lazy("Print house"),
        required=False,
        help_text=gettext_lazy("Then its key as it is now is approved too, and the codes go to no other."),
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Valid until the end of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Empty: for ever."),
    )
    regions = forms.MultipleChoiceField(
        label=gettext_lazy("Only in these countries"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=gettext_lazy("None chosen: everywhere."),
    )
    online_service = forms.ChoiceField(label=gettext_lazy("Only for this online service"), required=False)
    campaign = forms.CharField(
        label=gettext_lazy("Campaign"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Cards of one campaign are good once for each player."),
    )
    new_players_days = forms.IntegerField(
        label=gettext_lazy("Only for players who joined in the last days"),
        min_value=0,
        max_value=3650,
        required=False,
        initial=0,
        help_text=gettext_lazy("0: for all."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepted = services.get(Accounting).accepted_currencies(at=now())
        language = get_language() or "en"
        everywhere = countries(language)
        choices: dict[str, list[Any]] = {
            "worth_currency": [(INNER.code, _("credits")), *((code, code) for code in accepted)],
            "face_currency": [(code, code) for code in accepted],
            "plan": [("", "–"), *_plans(language)],
            "tournament": [("", "–"), *_tournaments(language)],
            "alphabet": list(ALPHABET_NAMES.items()),
            "printer": [("", _("any")), *_printers()],
            "regions": list(everywhere),
            "tax_country": [("", _("no country")), *everywhere],
            "online_service": [("", _("any")), *_online_services(language)],
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered  # type: ignore[attr-defined]
        self.fields["reseller"].widget.attrs["list"] = "known-resellers"
        self.fields["worth_currency"].initial = self.fields["face_currency"].initial = "EUR"

    @property
    def known_resellers(self) -> list[tuple[str, str]]:
        """Names and titles of those that we deal with; others may be named too."""
        return [(one.name, one.terms.title) for one in services.get(Cards).resellers() if one.is_top]

    @property
    def symbols(self) -> dict[str, int]:
        """How many symbols each alphabet has, for the sum that is shown while somebody types."""
        return {name: len(symbols) for name, symbols in ALPHABETS.items()}

    @property
    def bits_min(self) -> int:
        return ENTROPY_BITS_MIN

    def terms(self, *, like: BatchTerms | None = None) -> BatchTerms:
        """``like``: what is ordered so far; what the form does not ask for stays. Raises UnableToReadAmount."""
        said = self.cleaned_data
        until = said["expires_on"]
        fingerprints = {one.name: one.fingerprint for one in services.get(Cards).printers()}
        usual = like or BatchTerms(quantity=1, gives=(), face=Money.parse("0", said["face_currency"]))
        return replace(
            usual,
            quantity=said["quantity"],
            spares=said["spares"] or 0,
            gives=self._gives(),
            face=Money.parse(said["face_amount"], said["face_currency"]),
            alphabet=said["alphabet"] or "crockford",
            code_length=said["code_length"],
            group_size=said["group_size"] or 4,
            serial_prefix=said["serial_prefix"],
            series=said["series"] or 0,
            serial_digits=said["serial_digits"] or 7,
            first_number=said["first_number"] or 1,
            printer=said["printer"],
            printer_key=fingerprints.get(said["printer"], ""),
            expires_at=datetime.combine(until, time(23, 59, 59), UTC) if until else None,
            regions=tuple(said["regions"]),
            reseller=said["reseller"].strip() if said["sale"] in ("", "reseller") else "",
            stock=said["sale"] == "stock",
            margin_bps=int((said["margin_percent"] or Decimal(0)) * 100)
            if said["sale"] in ("", "reseller")
            else 0,
            needs_sale=said["needs_sale"],
            virtual=bool(said["product"].strip()),
            product=said["product"].strip(),
            tax_country=said["tax_country"],
            campaign=said["campaign"].strip(),
            new_players_days=said["new_players_days"] or 0,
            online_service=UUID(said["online_service"]) if said["online_service"] else None,
        )

    def _gives(self) -> tuple[Worth, ...]:
        said = self.cleaned_data
        found = []
        if said["gives"] in ("money", "several") and said["worth_amount"]:
            found.append(Worth.of_money(Money.parse(said["worth_amount"], said["worth_currency"])))
        if said["gives"] in ("period", "several") and said["plan"]:
            found.append(Worth.of_period(plan=UUID(said["plan"]), periods=said["periods"] or 1))
        if said["gives"] == "several" and said["tournament"]:
            found.append(Worth.of_pass(tournament=UUID(said["tournament"])))
        return tuple(found)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("gives") == "period" and not said.get("plan"):
            self.add_error("plan", _("Choose a plan."))
        if said.get("gives") == "money" and not said.get("worth_amount"):
            self.add_error("worth_amount", _("Say how much a card gives."))
        if said.get("sale") == "reseller" and not (said.get("reseller") or "").strip():
            self.add_error("reseller", _("Say who gets the whole batch."))
        return said


def as_before(terms: BatchTerms) -> dict[str, Any]:
    """An order's fields, to change it or to order the same again."""
    given: dict[str, Any] = {"gives": "several"}
    for worth in terms.gives:
        if worth.money is not None:
            given |= {"worth_amount": worth.money.major, "worth_currency": worth.money.currency.code}
        elif worth.plan is not None:
            given |= {"plan": str(worth.plan), "periods": worth.periods}
        elif worth.tournament is not None:
            given["tournament"] = str(worth.tournament)
    if len(terms.gives) == 1 and terms.gives[0].kind in (WorthKind.MONEY, WorthKind.PERIOD):
        given["gives"] = "money" if terms.gives[0].kind is WorthKind.MONEY else "period"
    as_it_stands = (
        *(
            "quantity",
            "spares",
            "reseller",
            "product",
            "needs_sale",
            "tax_country",
            "alphabet",
            "code_length",
        ),
        *("group_size", "serial_prefix", "serial_digits", "first_number", "printer", "campaign"),
        "new_players_days",
    )
    return given | {
        **{name: getattr(terms, name) for name in as_it_stands},
        "sale": "reseller" if terms.reseller else "stock" if terms.stock else "nobody",
        "face_amount": terms.face.major,
        "face_currency": terms.face.currency.code,
        "margin_percent": Decimal(terms.margin_bps) / 100,
        "expires_on": terms.expires_at.date() if terms.expires_at else None,
        "regions": list(terms.regions),
        "online_service": str(terms.online_service or ""),
    }


def can_be_shown(terms: BatchTerms) -> bool:
    """Whether the form has a field for everything that the cards give: one amount, one plan, one pass."""
    kinds = [worth.kind for worth in terms.gives]
    return len(kinds) == len(set(kinds))


def _plans(language: str) -> list[tuple[str, str]]:
    offered = services.get(Catalogue).catalogue(country="", currency="EUR", language=language, at=now())
    return [(str(plan.id), f"{service.name}: {plan.name}") for service in offered for plan in service.plans]


def _online_services(language: str) -> list[tuple[str, str]]:
    found = services.get(Catalogue).online_services()
    return [(str(one.id), in_language(one.names, language)) for one in found]


def _tournaments(language: str) -> list[tuple[str, str]]:
    found = services.get(Catalogue).tournaments(at=now())
    return [(str(one.id), in_language(one.names, language)) for one in found]


def _printers() -> list[tuple[str, str]]:
    found = services.get(Cards).printers()
    return [(one.name, f"{one.title} ({one.fingerprint[:8]}…)") for one in found if one.retired_at is None]
