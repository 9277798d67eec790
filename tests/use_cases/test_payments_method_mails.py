"""What players are written about saved cards, top-ups by order and purchases that could not be had any more."""

from __future__ import annotations

import pytest

from tests.builders.people import NOW, a_player
from warchest.delivery.contract import Delivery, MailKind
from warchest.delivery.letters import write_letter
from warchest.delivery.models import Mail
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

SAID = {
    (MailKind.METHOD_ENDS, "en"): ("Your card Visa •••• 1111 expires soon", "at the end of 2027-02"),
    (MailKind.METHOD_ENDS, "de"): ("Deine Karte Visa •••• 1111 läuft bald ab", "Ende 2027-02"),
    (MailKind.AUTO_TOP_UP_DECLINED, "en"): (
        "Your automatic top-up did not go through",
        "You were not charged.",
    ),
    (MailKind.AUTO_TOP_UP_DECLINED, "de"): (
        "Deine automatische Aufladung hat nicht geklappt",
        "Es wurde nichts abgebucht.",
    ),
    (MailKind.AUTO_TOP_UP_PAUSED, "en"): ("Your automatic top-up is paused", "Nothing more is charged."),
    (MailKind.AUTO_TOP_UP_PAUSED, "de"): ("Dein automatisches Aufladen pausiert", "nichts mehr abgebucht."),
    (MailKind.PURCHASE_REFUSED, "en"): ("Your money is in your wallet", "Nothing is lost"),
    (MailKind.PURCHASE_REFUSED, "de"): ("Dein Geld ist in deinem Guthaben", "Es ist nichts verloren"),
}


@pytest.mark.use_case("PAY-06", "PAY-07", "PAY-08")
@pytest.mark.parametrize(("kind", "language"), SAID, ids=lambda value: str(value))
def test_is_said_in_the_players_language_with_the_way_to_go_on(kind: MailKind, language: str) -> None:
    player = a_player(language=language)
    services.get(Delivery).queue_mail(
        key="a mail",
        kind=kind,
        player=player.id,
        context={"label": "Visa •••• 1111", "expires": "2027-02", "reason": "card_declined"},
        at=NOW,
    )

    letter = write_letter(Mail.objects.get(key="a mail"), at=NOW)

    subject, sentence = SAID[kind, language]
    html = letter.alternatives[0][0]
    assert letter.subject == subject
    for text in (letter.body, html):
        assert sentence in text
        assert "http" in text and "{" not in text.split("<body", 1)[-1]
    path = {MailKind.METHOD_ENDS: "/payment-methods", MailKind.PURCHASE_REFUSED: "/"}.get(
        kind, "/auto-top-up"
    )
    assert path in letter.body
