"""How shipments and settlements are told, in the portal and in the back office alike."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeAlias

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from warchest.cards.contract import Shipment, ShipmentState

Text: TypeAlias = str | Promise

STATES: dict[ShipmentState, tuple[Text, str]] = {
    ShipmentState.DRAFT: (pgettext_lazy("state of a shipment", "drafted"), "plain"),
    ShipmentState.SENT: (pgettext_lazy("state of a shipment", "on its way"), "info"),
    ShipmentState.RECEIVED: (pgettext_lazy("state of a shipment", "received"), "success"),
    ShipmentState.CANCELLED: (pgettext_lazy("state of a shipment", "cancelled"), "plain"),
    ShipmentState.LOST: (pgettext_lazy("state of a shipment", "lost"), "danger"),
}
LINES: dict[str, Text] = {
    "delivery": pgettext_lazy("line of a settlement", "Delivered"),
    "sale": pgettext_lazy("line of a settlement", "Sold on consignment"),
    "sale_reversed": pgettext_lazy("line of a settlement", "Sales reversed"),
    "return": pgettext_lazy("line of a settlement", "Returned"),
    "payment": pgettext_lazy("line of a settlement", "Paid"),
    "other": pgettext_lazy("line of a settlement", "Other entries"),
}


def told(shipment: Shipment) -> dict[str, Any]:
    label, colour = STATES[shipment.state]
    return {"one": shipment, "state": label, "colour": colour, "missing": shipment.cards - shipment.arrived}


def month_of(text: str, *, today: date) -> date:
    """The first day of the month ``2026-03``; of this month where it is none."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)


class RangeForm(forms.Form):
    """A range of serials, and to whom it goes."""

    receiver = forms.ChoiceField(label=pgettext_lazy("a shipment", "To"))
    first_serial = forms.CharField(label=gettext_lazy("First serial"), max_length=40)
    last_serial = forms.CharField(
        label=gettext_lazy("Last serial"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Empty: the one card."),
    )
    consignment = forms.BooleanField(
        label=gettext_lazy("On consignment: paid for as they are sold"), required=False
    )
    reference = forms.CharField(
        label=gettext_lazy("Number of the delivery note"), max_length=60, required=False
    )

    def __init__(self, *args: Any, receivers: list[tuple[str, Text]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receiver"].choices = receivers  # type: ignore[attr-defined]
