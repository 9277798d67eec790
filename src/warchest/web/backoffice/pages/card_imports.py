"""Cards that an older system made: their file is looked at and ordered, and brought again when the owner has approved it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from warchest.cards.contract import IMPORT_BYTES_MAX, BatchTerms, Cards, ImportSummary
from warchest.journeys.import_cards import import_cards
from warchest.journeys.order_batch import order_batch
from warchest.runtime.services import services
from warchest.web.backoffice.batch_facts import OWED_FROM, grouped
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.order_form import OrderForm


class CardsFileForm(forms.Form):
    scheme = forms.ChoiceField(label=gettext_lazy("How the older system hashed its codes"))
    file = forms.FileField(
        label=gettext_lazy("Its table of cards (CSV)"),
        help_text=gettext_lazy("Serial,Hash or Serial,Hash,LastFour"),
    )
    code = forms.CharField(
        label=gettext_lazy("The code of one of the cards, to try"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("It shows whether the codes were hashed so. It is not kept."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="file_%s", **kwargs)
        known = services.get(Cards).code_schemes()
        self.fields["scheme"].choices = [  # type: ignore[attr-defined]
            (name, f"{name} ({algorithm})") for name, algorithm in known.items()
        ]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is None or file.size > IMPORT_BYTES_MAX:
            raise forms.ValidationError(_("The file is too large."))
        return file


class ImportForm(OrderForm):
    """An order's form without what is only for cards that we make. What the file says goes along with it: the digest is what is
    approved, and only the same file is taken in."""

    quantity = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    import_digest = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    import_scheme = forms.CharField(max_length=30, widget=forms.HiddenInput)
    owed_from = forms.ChoiceField(
        label=gettext_lazy("What a reseller owes, and what we owe for the cards"),
        choices=list(OWED_FROM.items()),
        widget=forms.RadioSelect,
        required=False,
        initial="",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["serial_prefix"].initial = "OLD"
        for ours_only in ("spares", "printer", "product", "tax_country"):
            del self.fields[ours_only]

    def clean(self) -> dict[str, Any]:
        return {**super().clean(), "spares": 0, "printer": "", "product": "", "tax_country": ""}

    def terms(self, *, like: BatchTerms | None = None) -> BatchTerms:
        terms = super().terms(like=like)
        return replace(
            terms,
            import_digest=self.cleaned_data["import_digest"],
            import_scheme=self.cleaned_data["import_scheme"],
            owed_from=self.cleaned_data["owed_from"] if terms.reseller else "",
        )


@needs("batch.order")
def bring(request: HttpRequest) -> HttpResponse:
    """Nothing is kept of the file but what the order then says of it."""
    form = CardsFileForm(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return _shown(request, file_form=form)
    seen = attempt(
        request,
        lambda: services.get(Cards).check_import(
            scheme=form.cleaned_data["scheme"],
            file=form.cleaned_data["file"].read(),
            code=form.cleaned_data["code"],
        ),
    )
    if not seen:
        return _shown(request, file_form=form)
    if form.cleaned_data["code"] and not seen.tried:
        form.add_error("code", _("No card of the file has this code, hashed so."))
        return _shown(request, file_form=form)
    of_file = {"quantity": seen.cards, "import_digest": seen.digest, "import_scheme": seen.scheme}
    return _shown(request, file_form=CardsFileForm(), seen=seen, form=ImportForm(initial=of_file))


@only_sent("backoffice:import-cards")
@needs("batch.order")
def order(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST)
    if form.is_valid():
        ordered = attempt(request, lambda: order_batch(command(request), terms=form.terms()).answer)
        if ordered:
            messages.success(
                request,
                _("The import is ordered. When the owner has approved it, bring the same file again."),
            )
            return redirect("backoffice:batch", ordered.id)
    return _shown(request, file_form=CardsFileForm(), form=form)


def _shown(
    request: HttpRequest,
    *,
    file_form: CardsFileForm,
    seen: ImportSummary | None = None,
    form: ImportForm | None = None,
) -> HttpResponse:
    return page(
        request,
        "import_cards",
        _("Import cards"),
        file_form=file_form,
        form=form,
        seen=seen,
        digest=grouped(str(form["import_digest"].value() or "")) if form else "",
    )


@only_sent("backoffice:batch", "batch_id")
@needs("batch.generate")
def take_in(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None or file.size is None or file.size > IMPORT_BYTES_MAX:
        messages.error(request, _("Choose the file that was ordered."))
        return redirect("backoffice:batch", batch_id)
    done = attempt(request, lambda: import_cards(command(request), batch=batch_id, file=file.read()).answer)
    if done:
        count = done.batch.terms.quantity
        messages.success(
            request,
            ngettext("%(count)d card is good here.", "%(count)d cards are good here.", count)
            % {"count": count},
        )
    return redirect("backoffice:batch", batch_id)
