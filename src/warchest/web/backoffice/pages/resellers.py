"""Resellers: taken on, shipped to, settled with; and what is owed for cards, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from warchest.cards.contract import (
    LIABILITY_BOOK,
    Cards,
    Reseller,
    ResellerTerms,
    ShipmentDraft,
    UnableToTakeOnReseller,
)
from warchest.journeys import ship_cards as shipping
from warchest.journeys import take_on_reseller as journeys
from warchest.journeys.administer import add_api_client
from warchest.journeys.steps.reseller_references import reference_of
from warchest.journeys.steps.reseller_standing import standing_of
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members, Scope
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.reseller_settlement import month_after, month_before, settlement_csv, settlement_of
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.reseller_texts import LINES, RangeForm, month_of, told

_SHIPMENTS_SHOWN = 50
_CALLS_OF_TILL = 20


class TermsForm(forms.Form):
    """What is agreed with a reseller. The fields only help; what may be is the journey's."""

    title = forms.CharField(label=gettext_lazy("What it is called"), max_length=120)
    contract = forms.CharField(label=gettext_lazy("Number of the contract"), max_length=60, required=False)
    margin_percent = forms.DecimalField(
        label=gettext_lazy("Margin in per cent"), min_value=0, max_value=100, decimal_places=2
    )
    credit_limit = forms.CharField(
        label=gettext_lazy("Credit limit"), max_length=20, help_text=gettext_lazy("Such as 5000.00.")
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), max_length=3, initial="EUR")
    payment_days = forms.IntegerField(
        label=gettext_lazy("Days to pay"), min_value=0, max_value=365, initial=30
    )
    regions = forms.CharField(
        label=gettext_lazy("Countries"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Codes such as DE, AT. Empty: everywhere."),
    )

    def terms(self) -> ResellerTerms:
        """Raises UnableToReadAmount, UnableToFindCurrency."""
        said = self.cleaned_data
        return ResellerTerms(
            title=said["title"],
            contract=said["contract"],
            margin_bps=int(said["margin_percent"] * 100),
            credit_limit=Money.parse(said["credit_limit"], said["currency"].upper()),
            payment_days=said["payment_days"],
            regions=tuple(one for one in said["regions"].upper().replace(",", " ").split() if one),
        )


class NewForm(TermsForm):
    name = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=64,
        help_text=gettext_lazy("Small letters, digits and dashes; it stands in the books and never changes."),
    )
    parent = forms.ChoiceField(label=gettext_lazy("Gets its cards from"), required=False)
    field_order = ("name", "title", "parent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        above = [(str(one.id), one.terms.title) for one in services.get(Cards).resellers()]
        self.fields["parent"].choices = [("", _("us")), *above]  # type: ignore[attr-defined]


@needs("reseller.see")
def resellers(request: HttpRequest) -> HttpResponse:
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        taken = attempt(
            request,
            lambda: (
                journeys.take_on_reseller(
                    command(request),
                    name=said["name"],
                    parent=UUID(said["parent"]) if said["parent"] else None,
                    terms=form.terms(),
                ).answer
            ),
        )
        if taken:
            messages.success(request, _("%(title)s is taken on.") % {"title": taken.terms.title})
            return redirect("backoffice:reseller", taken.id)
    return page(request, "resellers", _("Resellers"), form=form, resellers=_tree())


def _tree() -> list[dict[str, Any]]:
    """Each below the one that it gets its cards from."""
    cards, ledger, at = services.get(Cards), services.get(Ledger), now()
    by_parent: dict[UUID | None, list[Reseller]] = {}
    for one in cards.resellers():
        by_parent.setdefault(one.parent, []).append(one)
    found: list[dict[str, Any]] = []

    def walk(parent: UUID | None, depth: int) -> None:
        for one in by_parent.get(parent, []):
            found.append({"one": one, "depth": depth, "standing": standing_of(cards, ledger, one, at=at)})
            walk(one.id, depth + 1)

    walk(None, 0)
    return found


@needs("reseller.see")
def reseller(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    return _reseller(request, _found(reseller_id))


def _reseller(request: HttpRequest, found: Reseller, **more: Any) -> HttpResponse:
    cards, terms = services.get(Cards), found.terms
    players = services.get(Members).players(player_ids=cards.people_of_reseller(reseller_id=found.id))
    initial = {
        "title": terms.title,
        "contract": terms.contract,
        "margin_percent": Decimal(terms.margin_bps).scaleb(-2),
        "credit_limit": terms.credit_limit.major,
        "currency": terms.credit_limit.currency.code,
        "payment_days": terms.payment_days,
        "regions": ", ".join(terms.regions),
    }
    context = {
        "reseller": found,
        "parent": cards.reseller(reseller_id=found.parent) if found.parent else None,
        "children": cards.resellers(parent=found.id),
        "standing": standing_of(cards, services.get(Ledger), found, at=now()),
        "stock": cards.stock_of_reseller(reseller_id=found.id),
        "shipments": [told(one) for one in cards.shipments(reseller_id=found.id, limit=_SHIPMENTS_SHOWN)],
        "people": list(players.values()),
        "tills": cards.tills_of_reseller(reseller_id=found.id),
        "names": {one.id: one.terms.title for one in cards.resellers()},
        "form": TermsForm(initial=initial),
        "ship_form": RangeForm(receivers=_places(found)) if found.is_top else None,
    }
    return page(request, "reseller", terms.title, **(context | more))


def _places(found: Reseller) -> list[tuple[str, Any]]:
    return [("out", found.terms.title), ("back", _("back to us"))]


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def change(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    form = TermsForm(request.POST)
    if not form.is_valid():
        return _reseller(request, _found(reseller_id), form=form)
    changed = attempt(
        request,
        lambda: journeys.change_reseller(command(request), reseller=reseller_id, terms=form.terms()).answer,
    )
    return _after(request, reseller_id, changed, _("The terms hold for what is shipped from now on."))


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def suspend(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")[:300]
    done = attempt(
        request,
        lambda: journeys.suspend_reseller(command(request), reseller=reseller_id, reason=reason).answer,
    )
    return _after(request, reseller_id, done, _("It gets no cards and sells none until it is resumed."))


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def resume(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    done = attempt(request, lambda: journeys.resume_reseller(command(request), reseller=reseller_id).answer)
    return _after(request, reseller_id, done, _("It gets and sells cards again."))


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def link(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    nickname = request.POST.get("nickname", "")[:70]
    done = attempt(
        request,
        lambda: journeys.link_person(command(request), reseller=reseller_id, nickname=nickname).answer,
    )
    return _after(request, reseller_id, done, _("%(name)s acts for it now.") % {"name": nickname})


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def unlink(request: HttpRequest, reseller_id: UUID, player_id: UUID) -> HttpResponse:
    done = attempt(
        request,
        lambda: journeys.unlink_person(command(request), reseller=reseller_id, player=player_id).answer,
    )
    return _after(request, reseller_id, done, _("This player acts for it no longer."))


@only_sent("backoffice:reseller", "reseller_id")
@needs("reseller.take_on")
def add_till(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    """A key that sells for this reseller only: bound before it opens anything, and shown once."""
    found, title = _found(reseller_id), request.POST.get("title", "").strip()[:60]
    drawn, client, wanted = services.get(Members).draw_api_key(), new_id(), command(request)

    def made() -> bool:
        journeys.bind_till(wanted, reseller=reseller_id, client=client, title=title)
        done = add_api_client(
            wanted,
            client_id=client,
            name=f"{found.name} {title}"[:60],
            scopes=[Scope.CARDS_SELL.value],
            calls_per_second=_CALLS_OF_TILL,
            key_hash=drawn.hash,
            key_start=drawn.start,
        )
        return not done.replayed

    if attempt(request, made):
        return _reseller(request, found, new_key=drawn.key, new_title=title)
    return redirect("backoffice:reseller", reseller_id)


@only_sent("backoffice:reseller", "reseller_id")
@needs("card.ship")
def ship(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    """Out to a reseller of ours, or back from it: then the cards are in our hands, and credited at once."""
    found = _found(reseller_id)
    form = RangeForm(request.POST, receivers=_places(found))
    if not form.is_valid():
        return _reseller(request, found, ship_form=form)
    said, goes_out = form.cleaned_data, form.cleaned_data["receiver"] == "out"
    draft = ShipmentDraft(
        sender=None if goes_out else found.id,
        receiver=found.id if goes_out else None,
        first_serial=said["first_serial"],
        last_serial=said["last_serial"],
        consignment=said["consignment"] and goes_out,
        reference=said["reference"],
    )
    if goes_out:
        sent = attempt(request, lambda: shipping.ship_cards(command(request), draft=draft).answer)
        text = _cards_are(sent.cards, _("on their way")) if sent else ""
        return _after(request, reseller_id, sent, text)
    back = attempt(request, lambda: shipping.take_back_cards(command(request), draft=draft).answer)
    return _after(request, reseller_id, back, _cards_are(back.cards, _("back with us")) if back else "")


def _cards_are(count: int, where: str) -> str:
    said = {"count": count, "where": where}
    return ngettext("%(count)d card is %(where)s.", "%(count)d cards are %(where)s.", count) % said


_ENDS: dict[str, Callable[..., Any]] = {
    "cancel": shipping.cancel_shipment,
    "lose": shipping.lose_shipment,
}


@only_sent("backoffice:resellers")
@needs("card.ship")
def act(request: HttpRequest, shipment_id: UUID) -> HttpResponse:
    """Receive what comes back to us; send what we drafted; cancel, or give up, what we sent."""
    what, wanted = request.POST.get("what", ""), command(request)
    reason = request.POST.get("reason", "")[:300]
    if what == "receive":
        done: Any = attempt(request, lambda: shipping.receive_shipment(wanted, shipment=shipment_id).answer)
        text = _cards_are(done.cards, _("back with us")) if done else ""
    elif what == "send":
        done = attempt(request, lambda: shipping.send_shipment(wanted, shipment=shipment_id).answer)
        text = _cards_are(done.cards, _("on their way")) if done else ""
    elif what in _ENDS:
        done = attempt(request, lambda: _ENDS[what](wanted, shipment=shipment_id, reason=reason).answer)
        text = _("The shipment is over.")
    else:
        raise Http404
    found = services.get(Cards).shipment(shipment_id=shipment_id)
    return _after(request, found.receiver or found.sender, done, text)


def _after(request: HttpRequest, reseller_id: UUID | None, done: object, text: str) -> HttpResponse:
    if done is not None:
        messages.success(request, text)
    return redirect("backoffice:reseller", reseller_id)


@needs("reseller.see")
def settlement(request: HttpRequest, reseller_id: UUID) -> HttpResponse:
    found = _found(reseller_id)
    today = now().date()
    month = month_of(request.GET.get("month", ""), today=today)
    made = settlement_of(found, month=month)
    if request.GET.get("as") == "csv":
        response = HttpResponse(settlement_csv(made), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{found.name}-{month:%Y-%m}.csv"'
        return response
    return page(
        request,
        "reseller_settlement",
        _("Settlement with %(title)s") % {"title": found.terms.title},
        reseller=found,
        settlement=made,
        transfer_reference=reference_of(found) if found.is_top else "",
        sums=[(LINES[one.kind], one) for one in made.sums],
        before=f"{month_before(month):%Y-%m}",
        after=f"{month_after(month):%Y-%m}" if month < today.replace(day=1) else "",
        month=month,
    )


@needs("books.read")
def liability(request: HttpRequest) -> HttpResponse:
    """ACC-20. What the cards say beside what the books say."""
    rows = services.get(Cards).liability_by_batch()
    booked = dict(services.get(Ledger).book_sums_by_owner(book=LIABILITY_BOOK))
    totals: dict[str, Money] = {}
    shown = []
    for row in rows:
        minor = booked.get((str(row.batch), row.owed.currency.code), 0)
        shown.append(
            {"row": row, "booked": Money(minor, row.owed.currency), "agrees": minor == row.owed.minor}
        )
        code = row.owed.currency.code
        totals[code] = totals.get(code, Money.zero(row.owed.currency)) + row.owed
    return page(
        request,
        "card_liability",
        _("Owed for cards"),
        rows=shown,
        totals=[totals[code] for code in sorted(totals)],
        book=LIABILITY_BOOK,
    )


def _found(reseller_id: UUID) -> Reseller:
    try:
        return services.get(Cards).reseller(reseller_id=reseller_id)
    except UnableToTakeOnReseller:
        raise Http404(_("There is no such reseller.")) from None
