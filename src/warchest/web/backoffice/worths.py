"""What a card gives, in an administrator's words."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from warchest.cards.contract import Worth
from warchest.catalogue.contract import Catalogue, UnableToFindInCatalogue, in_language
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.portal.templatetags.portal import money


def worth_words(worth: Worth) -> str:
    """One thing: an amount, so many periods of a plan, a pass for a tournament."""
    language, catalogue = get_language() or "en", services.get(Catalogue)
    if worth.money is not None:
        return str(money(worth.money))
    try:
        if worth.tournament is not None:
            found = catalogue.tournament(tournament_id=worth.tournament, at=now())
            return _("a pass for %(tournament)s") % {"tournament": in_language(found.names, language)}
        assert worth.plan is not None
        plan = catalogue.plan(plan_id=worth.plan, at=now())
        name = in_language(plan.names, language)
    except UnableToFindInCatalogue:
        name = "–"
    return _("%(periods)d × %(plan)s") % {"periods": worth.periods, "plan": name}


def worths_words(gives: Sequence[Worth]) -> str:
    return ", ".join(map(worth_words, gives))
