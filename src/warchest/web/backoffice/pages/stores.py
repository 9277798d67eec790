"""Stores that sell our codes: where each calls, how it speaks, and what is left for it to sell."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from warchest.cards.contract import Cards
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.backoffice.frame import needs, page

_PLACE = "/api/v1/stores/"


@needs("card.look_up")
def stores(request: HttpRequest) -> HttpResponse:
    cards = services.get(Cards)
    found = cards.stores()
    resellers = {one.name: cards.store_terms(name=one.name).reseller if one.plugin else "–" for one in found}
    return page(
        request,
        "stores",
        _("Stores"),
        stores=[(one, configuration().public_url + _PLACE + one.name, resellers[one.name]) for one in found],
        stock=cards.virtual_stock(at=now()),
    )
