"""A form whose answer was 'try again' is shown again with its key: pressing the button again does nothing twice."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.test import Client

from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_player
from warchest.charging.contract import Charging
from warchest.journeys import prolong_subscriptions as journeys
from warchest.kernel.errors import TryAgain
from warchest.members.models import User
from warchest.runtime import two_phase
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


def signed_in(player) -> Client:
    client = Client()
    client.force_login(User.objects.get(player__id=player.id))
    return client


def fields_of(answer, action: str) -> dict[str, str]:
    form = BeautifulSoup(answer.content, "html.parser").find("form", action=action)
    return {field["name"]: field.get("value", "") for field in form.select("input[name]")}


def prolong(client: Client, fields: dict[str, str]):
    return client.post(f"/prolong/{ARENA_MONTH}", fields)


def units_of(player) -> int:
    return services.get(Charging).wallet(player=player.id).available.minor


@pytest.mark.spread
def test_what_is_decided_and_not_yet_true_everywhere_is_bought_once(monkeypatch):
    player = a_player(with_units="2000")
    client = signed_in(player)
    action = f"/prolong/{ARENA_MONTH}"
    first = fields_of(client.get(action), action)
    with monkeypatch.context() as patched:
        patched.setattr(two_phase, "_end", lambda verb, alias, gid: False)
        pending = prolong(client, first)
    assert pending.status_code == 503
    again = fields_of(pending, action)
    assert again["key"] == first["key"]
    two_phase.recover(older_than_s=0)
    assert prolong(client, again).status_code == 302
    assert units_of(player) == 1500_00


def test_a_busy_house_is_asked_again_under_the_same_key(monkeypatch):
    player = a_player(with_units="2000")
    client = signed_in(player)
    action = f"/prolong/{ARENA_MONTH}"
    first = fields_of(client.get(action), action)

    def busy(*_: object) -> None:
        raise TryAgain("busy")

    with monkeypatch.context() as patched:
        patched.setattr(journeys.prolong_subscriptions, "body", busy)
        answer = prolong(client, first)
    assert (answer.status_code, fields_of(answer, action)["key"]) == (503, first["key"])


def test_what_was_refused_for_good_gets_a_new_key():
    player = a_player(with_units="2000")
    client = signed_in(player)
    action = f"/prolong/{ARENA_MONTH}"
    first = fields_of(client.get(action), action)
    refused = prolong(client, first | {"price_minor": "100"})
    assert refused.status_code == 409
    assert fields_of(refused, action)["key"] != first["key"]


@pytest.mark.parametrize("reason", ["busy", "transaction_pending"])
def test_sending_units_keeps_its_key_through_the_second_look(monkeypatch, reason):
    sender, recipient = a_player(with_units="100"), a_player()
    client = signed_in(sender)
    said = {"to": recipient.nickname, "amount": "10", "message": ""}
    first = fields_of(client.post("/send", said), "/send")

    def later(*_: object, **__: object) -> None:
        raise TryAgain(reason)

    with monkeypatch.context() as patched:
        patched.setattr("warchest.web.portal.views.send.transfer_units", later)
        told = client.post("/send", first)
    assert told.status_code == 503
    form = fields_of(told, "/send")
    assert form["key"] == first["key"]
    second = fields_of(client.post("/send", form | said), "/send")
    assert second["key"] == first["key"]
    assert client.post("/send", second).status_code == 302
    assert units_of(sender) == 90_00
