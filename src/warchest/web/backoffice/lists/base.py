"""What all lists share: nobody changes anything, the reader's connection, searching by what an index serves, names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.members.contract import Members, Player, Role
from warchest.runtime.services import services
from warchest.web.backoffice.templatetags.backoffice import country as country_name
from warchest.web.backoffice.templatetags.backoffice import language as language_name
from warchest.web.backoffice.templatetags.backoffice import per_cent, plain_number, stamp
from warchest.web.portal.templatetags.portal import money as written

Text: TypeAlias = str | Promise
Column = Callable[[Any], Any]

EVERYONE = frozenset(Role)
OVERSEERS = frozenset({Role.OWNER, Role.ADMINISTRATOR, Role.OPERATOR})
MONEY = frozenset({Role.OWNER, Role.ADMINISTRATOR, Role.ACCOUNTANT, Role.SUPPORT})


class NamedChangeList(ChangeList):
    """Gives the rows of one page their players' names, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: list[Any] = list(self.result_list)
        self.model_admin.name_players(self.result_list)


class _ReadOnly:
    """For lists and for tables within details."""

    model: type[Model]
    readers: ClassVar[frozenset[Role]] = EVERYONE
    details: ClassVar[tuple[Any, ...]] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        administrator = getattr(request, "administrator", None)
        return administrator is not None and administrator.role in self.readers

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).using(services.reader(self.model._meta.app_label))  # type: ignore[misc]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        return self.details

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        return self.details


class _Titled:
    """A row under a title for people, where its model has none of its own."""

    def __init__(self, row: Model, title: str) -> None:
        self._row, self._title = row, title

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)

    def __str__(self) -> str:
        return self._title


class ReadOnlyList(_ReadOnly, ModelAdmin):
    """``searched_ids`` and ``searched_texts`` are looked up whole (or by their lookup), in columns with an index;
    ``players`` are columns with a player's id: who searches for a player's name finds them too.
    """

    searched_ids: ClassVar[tuple[str, ...]] = ()
    searched_texts: ClassVar[tuple[str, ...]] = ()
    players: ClassVar[tuple[str, ...]] = ()
    is_long = True
    """Never counted: a list that may have millions of rows only says whether there are more."""

    list_per_page = 25
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    ordering: tuple[str, ...] = ("-pk",)

    @property
    def search_fields(self) -> tuple[str, ...]:
        return self.searched_ids + self.searched_texts + self.players

    @property
    def paginator(self) -> type[Paginator[Any]]:
        return InfinitePaginator if self.is_long else Paginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedChangeList

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> tuple[Any, ...]:
        """The first column leads to the detail, unless it leads somewhere itself: no link stands within a link."""
        named = tuple(self.list_display_links or ())
        return named or tuple(place for place in list_display if not getattr(place, "leads_away", False))[:1]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = [Q(**{place: term}) for place in self.searched_texts]
        try:
            wanted += [Q(**{place: UUID(term)}) for place in (*self.searched_ids, *self.players)]
        except ValueError:
            if self.players:
                found = [player.id for player in services.get(Members).find_players(text=term, limit=50)]
                wanted += [Q(**{f"{place}__in": found}) for place in self.players]
        return queryset.filter(reduce(or_, wanted, Q(pk__in=[]))), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self.name_players([found])
        return found

    def title_of(self, row: Any) -> str:
        """What a row is called above its detail: the model's own word, else the end of its id."""
        return f"…{str(row.pk)[-12:]}" if type(row).__str__ is Model.__str__ else str(row)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            title = self.title_of(obj)
            context |= {"original": _Titled(obj, title), "subtitle": title}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def name_players(self, rows: Iterable[Any]) -> None:
        rows = list(rows)
        ids = {getattr(row, place) for row in rows for place in self.players} - {None}
        names = services.get(Members).players(player_ids=list(ids)) if ids else {}
        for row in rows:
            row.named_players = names


class ReadOnlyTable(_ReadOnly, TabularInline):
    extra = 0
    per_page = 50
    hide_title = True
    show_change_link = False
    ordering: tuple[str, ...] = ("pk",)


# Columns


def amount(minor: str, code: str, title: Text, *, absent: str = "–") -> Column:
    """An amount of money; ``code`` is the column of its currency, or a currency's own code."""

    @display(description=title)
    def column(row: Any) -> str:
        value = reach(row, minor)
        if value is None:
            return absent
        unit = code if code.isupper() else reach(row, code)
        return written(Money(value, currency(unit)))

    return column


def moment(place: str, title: Text) -> Column:
    @display(description=title, ordering=f"-{place}")
    def column(row: Any) -> str:
        return stamp(reach(row, place)) or "–"

    return column


def text(place: str, title: Text) -> Column:
    @display(description=title)
    def column(row: Any) -> Any:
        value = reach(row, place)
        return "–" if value in (None, "", [], {}) else value

    return column


def number(place: str, title: Text) -> Column:
    @display(description=title)
    def column(row: Any) -> str:
        return plain_number(reach(row, place)) or "–"

    return column


def share(place: str, title: Text) -> Column:
    """``place`` holds hundredths of a per cent."""

    @display(description=title)
    def column(row: Any) -> str:
        return per_cent(reach(row, place)) or "–"

    return column


def country(place: str, title: Text | None = None) -> Column:
    @display(description=title or _("Country"))
    def column(row: Any) -> str:
        return country_name(reach(row, place)) or "–"

    return column


def language(place: str) -> Column:
    @display(description=_("Language"))
    def column(row: Any) -> str:
        return language_name(reach(row, place)) or "–"

    return column


def word(place: str, title: Text, words: Mapping[str, Text]) -> Column:
    """What is kept as one of some codes, as a word."""

    @display(description=title)
    def column(row: Any) -> Text:
        value = reach(row, place)
        return words.get(value, value) or "–"

    return column


def short(place: str, title: Text) -> Column:
    """The tail of an id, which is the part that tells ids apart; the whole stands in the detail."""

    @display(description=title)
    def column(row: Any) -> SafeString:
        value = str(reach(row, place))
        return format_html('<code title="{}">…{}</code>', value, value[-12:])

    return column


def state(place: str, title: Text, labels: Mapping[str, tuple[Text, str]]) -> Column:
    """A state as a coloured label. ``labels``: by value the text, and ``success``, ``warning``, ``danger`` or ``info``."""

    @display(description=title)
    def column(row: Any) -> SafeString:
        value = reach(row, place)
        if not value:
            return SafeString("–")
        label, colour = labels.get(value, (value, ""))
        return format_html('<span class="wb-label wb-{}">{}</span>', colour or "plain", label)

    return column


def player(place: str, title: Text | None = None) -> Column:
    """A player's name, leading to the player."""

    @display(description=title or _("Player"))
    def column(row: Any) -> SafeString | str:
        identity = reach(row, place)
        if identity is None:
            return "–"
        known: Player | None = getattr(row, "named_players", {}).get(identity)
        return link("members_player", identity, known.nickname if known else f"…{str(identity)[-12:]}")

    column.leads_away = True
    return column


def link(model: str, identity: object, shown: object) -> SafeString:
    return format_html(
        '<a class="wb-link" href="{}">{}</a>', reverse(f"admin:{model}_change", args=[identity]), shown
    )


def entry_link(identity: object) -> SafeString:
    """A journal entry, leading to its page."""
    return format_html(
        '<a class="wb-link" href="{}">…{}</a>',
        reverse("backoffice:entry", args=[identity]),
        str(identity)[-12:],
    )


def entry(place: str) -> Column:
    """The journal entry by which something was booked."""

    @display(description=_("Booked as"))
    def column(row: Any) -> SafeString | str:
        identity = reach(row, place)
        return entry_link(identity) if identity else "–"

    return column


def reach(row: Any, place: str) -> Any:
    for name in place.split("__"):
        row = getattr(row, name, None)
    return row


def one_of(place: str, title_: Text, choices: Mapping[str, Text]) -> type[admin.SimpleListFilter]:
    """A filter by values that are known beforehand, since asking a long table which it holds takes long."""

    class Filter(admin.SimpleListFilter):
        title = title_
        parameter_name = place.replace("__", "_")

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
            return list(choices.items())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            value = self.value()
            return queryset.filter(**{place: value}) if value in choices else queryset

    return Filter


def labels_of(labels: Mapping[str, tuple[Text, str]]) -> dict[str, Text]:
    return {value: label for value, (label, _colour) in labels.items()}
