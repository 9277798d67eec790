"""Transfers from player to player, and how those to other clusters stand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from warchest.charging.models import Transfer
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

STATES = {
    "done": (_("arrived"), "success"),
    "held": (_("waits for the other cluster"), "warning"),
    "captured": (_("arrived there"), "success"),
    "voided": (_("came back"), "danger"),
    "credited": (_("arrived from there"), "success"),
    "refused": (_("refused here"), "danger"),
}


def _player(place: str, title: Any, *, away: str) -> base.Column:
    """One of the two; ``away`` is the direction in which this one lives in the other cluster."""
    at_home = base.player(place)

    @display(description=title)
    def column(row: Transfer) -> SafeString | str:
        if row.direction != away:
            return at_home(row)
        name = row.other_name or f"…{str(getattr(row, place))[-12:]}"
        return name if "@" in name else f"{name}@{row.cluster}"

    column.leads_away = True
    return column


@display(description=_("Entry"))
def _entry(row: Transfer) -> SafeString | str:
    return base.entry_link(row.entry_id) if row.entry_id else "–"


@admin.register(Transfer, site=site)
class Transfers(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk",)
    players = ("sender_id", "recipient_id")
    search_help_text = _("A player's nickname, e-mail address or id, or a transfer's id")
    ordering = ("-id",)
    list_display = (
        base.moment("occurred_at", _("When")),
        _player("sender_id", _("From player"), away="in"),
        _player("recipient_id", _("To player"), away="out"),
        base.amount("units_minor", "XCR", _("Units")),
        base.state("state", _("State"), STATES),
        base.text("cluster", _("Cluster")),
    )
    list_filter = (base.one_of("state", _("State"), base.labels_of(STATES)),)
    # What one wrote to the other is theirs.
    details = (
        *list_display,
        base.text("reason", _("Reason")),
        base.moment("finished_at", _("Over since")),
        _entry,
        base.text("problem", _("Why it waits")),
        base.text("tries", _("Asked in vain")),
        base.moment("next_try_at", _("Asked again")),
        base.moment("cancel_asked_at", _("Asked back by the sender")),
        "id",
    )
