"""What was done: the record of operations, and the facts that were published."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from warchest.members.contract import Members
from warchest.runtime.models import Operation, OutboxEvent
from warchest.runtime.services import services
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

OUTCOMES = {"done": (_("done"), "success"), "refused": (_("refused"), "danger")}
ACTORS = {
    "player": _("player"),
    "administrator": _("administrator"),
    "api_client": _("API client"),
    "provider": _("provider"),
    "job": _("job"),
    "operator": _("operator"),
    "cluster": _("another cluster"),
}
CHANNELS = {
    "portal": _("portal"),
    "backoffice": _("back office"),
    "api": "API",
    "job": _("job"),
    "cli": _("command line"),
}
SUBJECTS = {
    "administrator": _("administrator"),
    "api_client": _("API client"),
    "batch": _("batch"),
    "card": _("card"),
    "certificate": _("certificate"),
    "document": _("document"),
    "day": pgettext_lazy("what an operation was about", "day"),
    "hold": pgettext_lazy("what an operation was about", "hold"),
    "payment": _("payment"),
    "player": _("player"),
    "rate": _("exchange rate"),
    "subscription": _("subscription"),
    "transfer": _("transfer"),
    "netting_statement": _("netting statement"),
    "cluster": _("another cluster"),
}


@display(description=_("Who"))
def _actor(row: Operation) -> SafeString | str:
    known = getattr(row, "named_actors", {}).get(row.actor_id)
    shown = known or (f"…{row.actor_id[-12:]}" if len(row.actor_id) > 20 else row.actor_id)
    return format_html(
        '<a class="wb-link" href="?q={}">{} {}</a>',
        row.actor_id,
        ACTORS.get(row.actor_kind, row.actor_kind),
        shown,
    )


@display(description=_("About"))
def _subject(row: Operation) -> SafeString | str:
    if not row.subject_id:
        return "–"
    shown = f"…{row.subject_id[-12:]}" if len(row.subject_id) > 20 else row.subject_id
    kind = SUBJECTS.get(row.subject_kind, row.subject_kind)
    return format_html('<a class="wb-link" href="?q={}">{} {}</a>', row.subject_id, kind, shown)


@admin.register(Operation, site=site)
class Operations(base.ReadOnlyList):
    readers = frozenset({*base.OVERSEERS, *base.MONEY})
    searched_ids = ("pk",)
    searched_texts = ("name", "actor_id", "subject_id", "request_id", "key")
    search_help_text = _(
        "An operation's name, or the id of who did it, of what it was about, or of a request"
    )
    list_display = (
        base.moment("recorded_at", _("Recorded")),
        "name",
        base.state("outcome", _("Outcome"), OUTCOMES),
        _actor,
        _subject,
        base.word("channel", _("Channel"), CHANNELS),
        base.text("reason", _("Reason")),
    )
    list_display_links = ("name",)
    list_filter = (
        base.one_of("outcome", _("Outcome"), base.labels_of(OUTCOMES)),
        base.one_of("actor_kind", _("Who"), ACTORS),
        "recorded_at",
    )
    ordering = ("-recorded_at",)
    details = (
        "name",
        base.state("outcome", _("Outcome"), OUTCOMES),
        "reason",
        base.word("actor_kind", _("Who"), ACTORS),
        "actor_id",
        "on_behalf_of",
        base.word("subject_kind", _("About"), SUBJECTS),
        "subject_id",
        "details",
        base.moment("occurred_at", _("Occurred")),
        base.moment("recorded_at", _("Recorded")),
        base.word("channel", _("Channel"), CHANNELS),
        "address",
        "certificate",
        "request_id",
        "key",
        "id",
    )

    def name_players(self, rows) -> None:
        rows = list(rows)
        names: dict[str, str] = {}
        kinds = {row.actor_kind for row in rows}
        if "administrator" in kinds:
            names |= {str(one.id): one.username for one in services.get(Members).administrators()}
        if "player" in kinds:
            ids = {row.actor_id for row in rows if row.actor_kind == "player"}
            found = services.get(Members).players(player_ids=[base.UUID(identity) for identity in ids])
            names |= {str(identity): one.nickname for identity, one in found.items()}
        for row in rows:
            row.named_actors = names

    def title_of(self, row: Operation) -> str:
        return row.name


@admin.register(OutboxEvent, site=site)
class Events(base.ReadOnlyList):
    readers = base.OVERSEERS
    searched_texts = ("key",)
    list_display = (
        base.text("id", _("Number")),
        "topic",
        base.text("key", _("Key")),
        base.moment("recorded_at", _("Published")),
    )
    list_display_links = ("topic",)
    details = (
        "topic",
        "key",
        "payload",
        base.moment("occurred_at", _("Occurred")),
        base.moment("recorded_at", _("Published")),
        "transaction",
        "id",
    )
