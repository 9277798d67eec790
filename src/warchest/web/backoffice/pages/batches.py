"""A batch of cards from the order to the hand-over. Who orders does not approve: there is no button, and no way."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from warchest.cards.contract import LIABILITY_BOOK, Batch, BatchState, Cards, CardState, UnableToFindCard
from warchest.journeys.amend_batch import amend_batch
from warchest.journeys.approve_batch import approve_batch
from warchest.journeys.cancel_batch import cancel_batch
from warchest.journeys.close_batch import close_batch
from warchest.journeys.generate_batch import ask_for_cards
from warchest.journeys.order_batch import order_batch
from warchest.journeys.refuse_batch import refuse_batch
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Members
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice import charts
from warchest.web.backoffice.batch_facts import awaiting, changes_since, facts_of, grouped, title_of
from warchest.web.backoffice.frame import attempt, command, may, needs, only_sent, page
from warchest.web.backoffice.lists.cards import BATCH_STATES
from warchest.web.backoffice.order_form import OrderForm, as_before, can_be_shown


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
    if found.state not in (BatchState.ORDERED, BatchState.APPROVED) or not can_be_shown(found.terms):
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
        _("Change batch %(name)s") % {"name": title_of(found)},
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
    versions = cards.versions(batch_id=batch_id)
    hand_overs = cards.hand_overs(batch_id=batch_id)
    me = request.administrator  # type: ignore[attr-defined]
    people = {one.id: one.username for one in services.get(Members).administrators()}
    label, colour = BATCH_STATES[found.state]
    ordered = {found.ordered_by, *(version.ordered_by for version in versions)}
    state, terms = found.state, found.terms
    asked = next((one for one in hand_overs if one.confirmed_at is None and one.withdrawn_at is None), None)
    return page(
        request,
        "batch",
        _("Batch %(name)s") % {"name": title_of(found)},
        batch=found,
        facts=[fact for fact in facts_of(terms) if fact.value],
        versions=[
            (version, changes_since(version, terms_after))
            for version, terms_after in zip(
                versions, (*(one.terms for one in versions[1:]), terms), strict=False
            )
        ][::-1],
        waiting=awaiting(found, may_decide=True) if state is BatchState.ORDERED else None,
        grouped_digest=grouped(found.digest),
        state=label,
        colour=colour,
        counts=sorted(
            ((charts.CARD_STATES[kind], count) for kind, count in counts.items()), key=lambda row: -row[1]
        ),
        counted=sum(counts.values()),
        curve=charts.curve_of_activations(activations, quantity=terms.quantity),
        by_country=charts.by_country(activations),
        heat=charts.by_day_and_country(activations),
        people=people,
        outstanding=_outstanding(found),
        progress=cards.progress(batch_id=batch_id),
        hand_overs=[(one, grouped(one.fingerprint)) for one in hand_overs],
        asked=asked,
        asked_fingerprint=grouped(asked.fingerprint) if asked else "",
        is_askers_own=asked is not None and asked.asked_by == me.id,
        printers=[
            one for one in cards.printers() if one.retired_at is None and terms.printer in ("", one.name)
        ],
        is_own=me.id in ordered,
        can_decide=state is BatchState.ORDERED and me.id not in ordered and may(me, "batch.approve"),
        can_amend=state in (BatchState.ORDERED, BatchState.APPROVED)
        and can_be_shown(terms)
        and may(me, "batch.order"),
        can_generate=state is BatchState.APPROVED
        and not terms.virtual
        and not terms.import_digest
        and may(me, "batch.generate"),
        can_import=state is BatchState.APPROVED and terms.import_digest and may(me, "batch.generate"),
        can_hand_over=state is BatchState.GENERATED and may(me, "batch.hand_over"),
        can_fetch=state is BatchState.HANDED_OVER
        and found.file_until is not None
        and may(me, "batch.hand_over"),
        can_replace=state is BatchState.HANDED_OVER
        and counts.get(CardState.SPARE, 0)
        and may(me, "batch.hand_over"),
        can_cancel=state in (BatchState.ORDERED, BatchState.APPROVED, BatchState.GENERATED)
        and not counts.get(CardState.SOLD)
        and may(me, "batch.cancel"),
        can_close=(state is BatchState.HANDED_OVER or (terms.virtual and state is BatchState.APPROVED))
        and may(me, "batch.close"),
        can_block=(found.generated_at is not None or terms.virtual) and may(me, "card.block"),
    )


@needs()
def progress(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """How far the making of a batch is, for the page that shows it."""
    found, told = _find(batch_id), services.get(Cards).progress(batch_id=batch_id)
    waits = found.state is BatchState.APPROVED and told is not None and told.problem in ("", "failed")
    return JsonResponse(
        {"done": told.done if told else 0, "total": told.total if told else 0, "waits": waits}
    )


@needs("batch.approve")
def approvals(request: HttpRequest) -> HttpResponse:
    """All that waits for a second person, with what matters for the decision."""
    cards, me = services.get(Cards), request.administrator  # type: ignore[attr-defined]
    people = {one.id: one.username for one in services.get(Members).administrators()}
    rows = []
    for found in cards.batches_awaiting_approval():
        ordered = {found.ordered_by, *(one.ordered_by for one in cards.versions(batch_id=found.id))}
        rows.append(awaiting(found, may_decide=me.id not in ordered))
    return page(
        request,
        "approvals",
        _("Batches to decide about"),
        rows=rows,
        hand_overs=[
            (asked, of, title_of(of), people.get(asked.asked_by, ""))
            for asked, of in cards.hand_overs_awaiting()
        ],
    )


def _outstanding(found: Batch) -> Money | None:
    """What the books still owe for the batch's cards; None before it was delivered to somebody who pays."""
    if not found.terms.is_for_sale or (found.handed_over_at is None and not found.terms.virtual):
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
