"""Other clusters: letters, the dry run, merging by a second person, the proof, and parting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.charging.contract import Charging, Transfer
from warchest.journeys import merge_clusters
from warchest.journeys.examine_merge import COUNTS_AGAINST, Check, examine_merge, kept_report
from warchest.journeys.merge_clusters import Standings
from warchest.journeys.prove_clusters import Proof, prove_clusters
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import clusters as known
from warchest.runtime.clusters import OtherCluster, Standing, UnableToFindCluster
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page

STANDINGS: dict[str, tuple[Promise, str]] = {
    Standing.KNOWN: (gettext_lazy("known, not merged"), "warning"),
    Standing.MERGED: (gettext_lazy("merged"), "success"),
    Standing.LEAVING: (gettext_lazy("parting"), "warning"),
    Standing.CUT: (gettext_lazy("cut off"), "plain"),
}

_CHECKS: dict[str, tuple[Promise, Promise]] = {
    "line": (
        gettext_lazy("The line between the brokers"),
        gettext_lazy("Nobody answers. Do both houses run, and has each taken the other's letter in?"),
    ),
    "identity": (
        gettext_lazy("The clusters' codes"),
        gettext_lazy("Both must have codes of their own: they stand in every journal entry."),
    ),
    "clock": (
        gettext_lazy("Clocks within a second"),
        gettext_lazy("Set both machines' clocks by the same time service."),
    ),
    "versions": (
        gettext_lazy("Versions that understand each other"),
        gettext_lazy("Bring both houses to the same version. They differ in these calls:"),
    ),
    "currencies": (
        gettext_lazy("Currencies and the decimals of the unit"),
        gettext_lazy("These are counted with other decimals there:"),
    ),
    "entries": (
        gettext_lazy("Journal entries made where they stand"),
        gettext_lazy(
            "Entries here bear the other's code, as in a copy of its books. Two such houses can't be merged."
        ),
    ),
    "players": (
        gettext_lazy("Players' ids"),
        gettext_lazy(
            "These players live in both, as in a copy of a house. One of the two houses must give them up:"
        ),
    ),
    "payments": (gettext_lazy("Payments' ids"), gettext_lazy("These payments stand in both:")),
    "batches": (gettext_lazy("Card batches' ids"), gettext_lazy("These batches stand in both:")),
    "serials": (
        gettext_lazy("Serial series of cards"),
        gettext_lazy("Both houses have printed cards of these series. Void the batches in one of them:"),
    ),
    "nicknames": (
        gettext_lazy("Nicknames"),
        gettext_lazy(
            "These are in both. They may stay: players of the other cluster are called name@cluster."
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    title: Promise
    well: bool
    counts: bool
    note: str
    advice: Promise
    found: tuple[str, ...]


class LetterForm(forms.Form):
    code = forms.SlugField(
        label=gettext_lazy("Code of the other cluster"),
        max_length=20,
        help_text=gettext_lazy("As its operator has it in [community] of warchest.toml."),
    )


class AcceptForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("The other operator's letter"),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        max_length=64 * 1024,
    )


@needs("cluster.see")
def clusters(request: HttpRequest, **context: Any) -> HttpResponse:
    return page(
        request,
        "clusters",
        _("Clusters"),
        here=configuration().community,
        has_gateway=bool(configuration().broker.gateway_port),
        others=[(other, *STANDINGS[other.standing]) for other in known.others()],
        **{"letter_form": LetterForm(), "accept_form": AcceptForm(), **context},
    )


@only_sent("backoffice:clusters")
@needs("cluster.prepare")
def letter(request: HttpRequest) -> HttpResponse:
    form = LetterForm(request.POST)
    if not form.is_valid():
        return clusters(request, letter_form=form)
    to = form.cleaned_data["code"]
    text = attempt(request, lambda: merge_clusters.write_letter(command(request), to=to))
    return clusters(request, written=text, written_to=to)


@only_sent("backoffice:clusters")
@needs("cluster.prepare")
def accept(request: HttpRequest) -> HttpResponse:
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return clusters(request, accept_form=form)
    other = attempt(
        request, lambda: merge_clusters.accept_letter(command(request), text=form.cleaned_data["text"])
    )
    if other is None:
        return clusters(request, accept_form=form)
    messages.success(request, _("Now compare the digits with the other operator, and have the dry run done."))
    return redirect("backoffice:cluster", other.code)


@needs("cluster.see")
def cluster(request: HttpRequest, code: str) -> HttpResponse:
    other = _found(code)
    report = kept_report(other)
    standing, colour = STANDINGS[other.standing]
    mine = other.accepted_by == str(command(request).actor)
    return page(
        request,
        "cluster",
        other.name,
        other=other,
        standing=standing,
        colour=colour,
        digits=known.fingerprint_with(other.letter),
        there=_there(request, other),
        accepted_by_me=mine,
        report=report,
        checks=[_line(check) for check in report.checks] if report else [],
        ready=merge_clusters.ready_to_merge(other, at=command(request).at),
        waiting=_waiting(other),
        instances=[found for found in services.all() if found.cluster == other.code],
    )


@only_sent("backoffice:cluster", "code")
@needs("cluster.prepare")
def check(request: HttpRequest, code: str) -> HttpResponse:
    report = attempt(request, lambda: examine_merge(command(request), cluster=code))
    if report is not None and report.well:
        messages.success(request, _("Nothing stands in the way."))
    elif report is not None:
        messages.error(request, _("Something has to be mended first: see below."))
    return redirect("backoffice:cluster", code)


@only_sent("backoffice:cluster", "code")
@needs("cluster.merge")
def merge(request: HttpRequest, code: str) -> HttpResponse:
    if not request.POST.get("compared"):
        messages.error(request, _("Compare the digits with the other operator first, by voice."))
        return redirect("backoffice:cluster", code)
    fingerprint = request.POST.get("fingerprint", "")
    wanted = command(request)

    def done() -> bool:
        merge_clusters.merge_cluster(wanted, cluster=code, fingerprint=fingerprint)
        return True

    if attempt(request, done):
        known.forget()
        messages.success(
            request, _("Merged. As soon as the other house has done the same, both are one environment.")
        )
    return redirect("backoffice:cluster", code)


@needs("cluster.see")
def proof(request: HttpRequest, code: str) -> HttpResponse:
    _found(code)
    proved: Proof | None = attempt(request, lambda: prove_clusters(command(request), cluster=code))
    if proved is None:
        return redirect("backoffice:cluster", code)
    return page(request, "cluster_proof", _("Proof over both clusters"), proof=proved, here=services.cluster)


@only_sent("backoffice:cluster", "code")
@needs("cluster.prepare")
def leave(request: HttpRequest, code: str) -> HttpResponse:
    wanted = command(request)

    def done() -> bool:
        merge_clusters.leave_cluster(wanted, cluster=code)
        return True

    if attempt(request, done):
        messages.success(request, _("Nothing new begins. When nothing is under way any more, cut the line."))
    return redirect("backoffice:cluster", code)


@only_sent("backoffice:cluster", "code")
@needs("cluster.prepare")
def cut(request: HttpRequest, code: str) -> HttpResponse:
    wanted, anyway = command(request), bool(request.POST.get("with_transfers_waiting"))

    def done() -> bool:
        merge_clusters.cut_cluster(wanted, cluster=code, with_transfers_waiting=anyway)
        return True

    if attempt(request, done):
        messages.success(request, _("The line is cut. This house goes on alone."))
    return redirect("backoffice:cluster", code)


def _found(code: str) -> OtherCluster:
    try:
        return known.find(code)
    except UnableToFindCluster:
        raise Http404 from None


def _there(request: HttpRequest, other: OtherCluster) -> Standings | None:
    """How the other house stands to us; None where it can't be asked."""
    if not other.is_connected:
        return None
    try:
        return merge_clusters.standing_there(command(request), cluster=other.code)
    except (TryAgain, UnableTo):
        return None


def _waiting(other: OtherCluster) -> tuple[Transfer, ...]:
    return services.get(Charging).open_transfers(cluster=other.code)


def _line(check: Check) -> CheckLine:
    title, advice = _CHECKS[check.name]
    return CheckLine(title, check.well, check.name in COUNTS_AGAINST, _note(check), advice, check.found)


def _note(check: Check) -> str:
    details = {**check.details, "count": str(check.count)}
    match check.name:
        case "line" if check.well:
            return _("answers within {milliseconds} ms").format_map(details)
        case "line":
            return ""
        case "identity":
            return _("{ours} here, {theirs} there").format_map(details)
        case "clock":
            return _("{seconds} s apart").format_map(details)
        case "versions" if "ours" in details:
            return _("{ours} here, {theirs} there").format_map(details)
        case "versions":
            return ""
        case "currencies":
            return _("{count} compared").format_map(details)
        case "entries":
            return _("{theirs} with the other's code").format_map(details)
        case _:
            return _("{count} here, {in_both} in both").format_map(details)
