"""A batch of cards from the order to the hand-over. Who orders does not approve: there is no button, and no way."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from warchest.accounting.contract import Accounting
from warchest.cards.contract import (
    LIABILITY_BOOK,
    QUANTITY_MAX,
    Batch,
    BatchState,
    BatchTerms,
    Cards,
    UnableToFindCard,
    Worth,
    WorthKind,
)
from warchest.catalogue.contract import Catalogue
from warchest.journeys.amend_batch import amend_batch
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.cancel_batch import cancel_batch
from warchest.journeys.close_batch import close_batch
from warchest.journeys.generate_batch import ask_for_cards
from warchest.journeys.order_batch import order_batch
from warchest.journeys.refuse_batch import refuse_batch
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice import charts
from warchest.web.backoffice.frame import attempt, command, may, needs, only_sent, page
from warchest.web.backoffice.lists.cards import BATCH_STATES
from warchest.web.backoffice.worths import worths_words
from warchest.web.portal.countries import countries

CODE_LENGTHS = (13, 14, 16, 18, 20)
_SAMPLE = "K7QM4XWH9RTB3CFNPJV6"


def _code_choices() -> list[tuple[int, str]]:
    return [
        (
            length,
            _("%(sample)s: %(length)d characters, %(bits)d random bits")
            % {
                "sample": "-".join(_SAMPLE[:length][start : start + 4] for start in range(0, length, 4)),
                "length": length,
                "bits": 5 * (length - 1),
            },
        )
        for length in CODE_LENGTHS
    ]


class OrderForm(forms.Form):
    """What an administrator says of a batch. What the fields allow is only a help; the order itself is the rule."""

    quantity = forms.IntegerField(label=gettext_lazy("How many cards"), min_value=1, max_value=QUANTITY_MAX)
    gives = forms.ChoiceField(
        label=gettext_lazy("What a card gives"),
        choices=[("money", gettext_lazy("Money")), ("period", gettext_lazy("A period of an online service"))],
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
        help_text=gettext_lazy(
            "Who owes us for the cards. Without one nobody pays, and what they give is promotional."
        ),
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
        label=gettext_lazy("Sold one by one by a store, as"),
        max_length=100,
        required=False,
        help_text=gettext_lazy(
            "The product's name in the store. Then no cards are made together: each is issued when the store sells it."
        ),
    )
    code_length = forms.TypedChoiceField(label=gettext_lazy("Codes"), coerce=int, initial=16)
    serial_prefix = forms.RegexField(
        r"^[A-Z][A-Z0-9]{0,5}$",
        label=gettext_lazy("Serials begin with"),
        initial="WC",
        help_text=gettext_lazy(
            "Up to six capital letters and digits; the batch's number and the card's follow."
        ),
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
    # No `needs_sale`: as long as no till can report a sale, nobody could ever activate such a card.

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepted = services.get(Accounting).accepted_currencies(at=now())
        self.fields["worth_currency"].choices = [
            (INNER.code, _("credits")),
            *((code, code) for code in accepted),
        ]
        self.fields["face_currency"].choices = [(code, code) for code in accepted]
        self.fields["code_length"].choices = _code_choices()
        self.fields["plan"].choices = [("", "–"), *_plans()]
        self.fields["regions"].choices = countries(get_language() or "en")
        self.fields["worth_currency"].initial = self.fields["face_currency"].initial = "EUR"

    def terms(self, *, like: BatchTerms | None = None) -> BatchTerms:
        """``like``: what is ordered so far. Raises UnableToReadAmount."""
        said = self.cleaned_data
        if said["gives"] == "period":
            worth = Worth.of_period(plan=UUID(said["plan"]), periods=said["periods"] or 1)
        else:
            worth = Worth.of_money(Money.parse(said["worth_amount"], said["worth_currency"]))
        until = said["expires_on"]
        return BatchTerms(
            quantity=said["quantity"],
            gives=(worth,),
            face=Money.parse(said["face_amount"], said["face_currency"]),
            code_length=said["code_length"],
            serial_prefix=said["serial_prefix"],
            expires_at=datetime.combine(until, time(23, 59, 59), UTC) if until else None,
            regions=tuple(said["regions"]),
            reseller=said["reseller"].strip(),
            margin_bps=int((said["margin_percent"] or Decimal(0)) * 100),
            virtual=bool(said["product"].strip()),
            product=said["product"].strip(),
        )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("gives") == "period" and not said.get("plan"):
            self.add_error("plan", _("Choose a plan."))
        if said.get("gives") == "money" and not said.get("worth_amount"):
            self.add_error("worth_amount", _("Say how much a card gives."))
        return said


def _plans() -> list[tuple[str, str]]:
    language = get_language() or "en"
    offered = services.get(Catalogue).catalogue(country="", currency="EUR", language=language, at=now())
    return [(str(plan.id), f"{service.name}: {plan.name}") for service in offered for plan in service.plans]


def as_before(terms: BatchTerms) -> dict[str, Any]:
    """An order's fields, to order the same again."""
    worth = terms.gives[0]
    given = (
        {"gives": "money", "worth_amount": worth.money.major, "worth_currency": worth.money.currency.code}
        if worth.kind is WorthKind.MONEY and worth.money
        else {"gives": "period", "plan": str(worth.plan), "periods": worth.periods}
    )
    return given | {
        "quantity": terms.quantity,
        "face_amount": terms.face.major,
        "face_currency": terms.face.currency.code,
        "reseller": terms.reseller,
        "product": terms.product,
        "margin_percent": Decimal(terms.margin_bps) / 100,
        "code_length": terms.code_length,
        "serial_prefix": terms.serial_prefix,
        "expires_on": terms.expires_at.date() if terms.expires_at else None,
        "regions": list(terms.regions),
    }


@needs("batch.order")
def order(request: HttpRequest) -> HttpResponse:
    last = services.get(Cards).batches(limit=1)
    before = _like(request)
    form = OrderForm(request.POST or None, initial=as_before(before.terms) if before else None)
    if request.method == "POST" and form.is_valid():
        ordered = attempt(request, lambda: order_batch(command(request), terms=form.terms()).answer)
        if ordered:
            messages.success(request, _("The batch is ordered. The owner decides."))
            return redirect("backoffice:batch", ordered.id)
    return page(
        request,
        "order_batch",
        _("Order a batch of cards"),
        form=form,
        last=last[0] if last else None,
        before=before,
    )


@needs("batch.order")
def amend(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The order form again, filled in with what is ordered. What it does not show stays as it is."""
    found = _find(batch_id)
    if found.state not in (BatchState.ORDERED, BatchState.APPROVED):
        return redirect("backoffice:batch", batch_id)
    form = OrderForm(request.POST or None, initial=as_before(found.terms))
    if request.method == "POST" and form.is_valid():
        # That of the order which was shown, not of what somebody may have made of it since.
        digest = request.POST.get("digest", "")[:64]
        amended = attempt(
            request,
            lambda: (
                amend_batch(
                    command(request), batch=batch_id, digest=digest, terms=form.terms(like=found.terms)
                ).answer
            ),
        )
        if amended:
            messages.success(request, _("Changed. The owner decides anew."))
            return redirect("backoffice:batch", batch_id)
    return page(
        request,
        "order_batch",
        _("Change batch %(name)s") % {"name": f"{found.terms.serial_prefix}{found.terms.series:04}"},
        form=form,
        amended=found,
    )


def _like(request: HttpRequest) -> Batch | None:
    wanted = request.GET.get("like", "")
    if not wanted:
        return None
    return _find(UUID(wanted)) if _is_id(wanted) else None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@needs()
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    found = _find(batch_id)
    cards = services.get(Cards)
    counts = cards.counts(batch_id=batch_id, at=now())
    activations = cards.activations_by_day(batch_id=batch_id)
    me = request.administrator  # type: ignore[attr-defined]
    people = {one.id: one.username for one in services.get(Members).administrators()}
    waiting = found.state is BatchState.ORDERED
    label, colour = BATCH_STATES[found.state]
    own = found.ordered_by == me.id
    return page(
        request,
        "batch",
        _("Batch %(name)s") % {"name": f"{found.terms.serial_prefix}{found.terms.series:04}"},
        batch=found,
        gives=worths_words(found.terms.gives),
        grouped_digest=" ".join(found.digest[start : start + 8] for start in range(0, 64, 8)),
        state=label,
        colour=colour,
        counts=sorted(
            ((charts.CARD_STATES[state], count) for state, count in counts.items()), key=lambda row: -row[1]
        ),
        counted=sum(counts.values()),
        curve=charts.curve_of_activations(activations, quantity=found.terms.quantity),
        by_country=charts.by_country(activations),
        people=people,
        ordered_by=people.get(found.ordered_by, ""),
        approved_by=people.get(found.approved_by, "") if found.approved_by else "",
        refused_by=people.get(found.refused_by, "") if found.refused_by else "",
        handed_over_by=people.get(found.handed_over_by, "") if found.handed_over_by else "",
        outstanding=_outstanding(found),
        is_own=own,
        can_decide=waiting and not own and may(me, "batch.approve"),
        can_generate=found.state is BatchState.APPROVED
        and not found.terms.virtual
        and may(me, "batch.generate"),
        can_hand_over=found.state is BatchState.GENERATED and may(me, "batch.hand_over"),
        can_block=(found.generated_at is not None or found.terms.virtual) and may(me, "card.block"),
    )


def _outstanding(found: Batch) -> Money | None:
    """What the books still owe for the batch's cards; None before it was delivered to somebody who pays."""
    if not found.terms.reseller or (found.handed_over_at is None and not found.terms.virtual):
        return None
    account = AccountRef(book=LIABILITY_BOOK, currency=found.terms.face.currency.code, owner=str(found.id))
    return services.get(Ledger).balance(account=account).posted



@only_sent("backoffice:batch", "batch_id")
@needs("batch.approve")
def approve(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    digest = request.POST.get("digest", "")
    if attempt(request, lambda: approve_batch(command(request), batch=batch_id, digest=digest)):
        messages.success(request, _("Approved. The cards can be made."))
    return redirect("backoffice:batch", batch_id)


@only_sent("backoffice:batch", "batch_id")
@needs("batch.approve")
def refuse(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:300]
    if attempt(request, lambda: refuse_batch(command(request), batch=batch_id, reason=reason)):
        messages.success(request, _("Refused. No card will be made."))
    return redirect("backoffice:batch", batch_id)


@only_sent("backoffice:batch", "batch_id")
@needs("batch.generate")
def generate(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    if attempt(request, lambda: ask_for_cards(command(request), batch=batch_id)):
        messages.success(request, _("The cards are being made."))
    return redirect("backoffice:batch", batch_id)


@only_sent("backoffice:batch", "batch_id")
@needs("batch.cancel")
def cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:300]
    if attempt(request, lambda: cancel_batch(command(request), batch=batch_id, reason=reason)):
        messages.success(request, _("Cancelled. Its codes are deleted, and no card of it will ever be good."))
    return redirect("backoffice:batch", batch_id)


@only_sent("backoffice:batch", "batch_id")
@needs("batch.close")
def close(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    done = attempt(request, lambda: close_batch(command(request), batch=batch_id).answer)
    if done:
        messages.success(
            request,
            ngettext("Closed. %(count)d card is void.", "Closed. %(count)d cards are void.", done.void)
            % {"count": done.void},
        )
    return redirect("backoffice:batch", batch_id)


def _find(batch_id: UUID) -> Batch:
    try:
        return services.get(Cards).batch(batch_id=batch_id)
    except UnableToFindCard:
        raise Http404(_("There is no such batch.")) from None
