"""The hosted page's words."""

from __future__ import annotations

from collections.abc import Mapping

from warchest.kernel.money import Money

_ENGLISH = {
    "language": "en",
    "decimal_sign": ".",
    "group_sign": ",",
    "title": "Pay $amount to $merchant",
    "sandbox": "Sandbox: no money moves. Use a test card, never a real one.",
    "paying_to": "Payment to",
    "reference": "Reference",
    "card_details": "Card details",
    "number": "Card number",
    "expiry": "Expiry date",
    "expiry_hint": "MM/YY",
    "cvc": "Security code (CVC)",
    "cvc_hint": "3 digits",
    "pay": "Pay $amount",
    "cancel": "Cancel",
    "errors": "Check what is marked below.",
    "number_wrong": "This is not a card number. Check the digits.",
    "number_not_test": "This sandbox takes only the test cards listed on this page.",
    "expiry_wrong": "Write the month and the year, for example 08/29.",
    "expiry_past": "This card has expired.",
    "cvc_wrong": "The security code has 3 digits.",
    "test_cards": "Test cards",
    "test_cards_hint": "Choose a card to fill in the form.",
    "use_card": "Use",
    "succeeds": "Succeeds",
    "declined": "Declined by the bank",
    "expired": "Declined: card expired",
    "poor": "Declined: too little money",
    "notice_late": "Succeeds; the notice comes 5 seconds late",
    "notice_lost": "Succeeds; the notice is lost",
    "notice_often": "Succeeds; the notice comes five times",
    "pending": "Stays open until it is decided later",
    "foreign": "Succeeds; the card is from Brazil",
    "wants_player": "Succeeds; charged again later, the bank wants to see you",
    "challenge_title": "Is it you?",
    "challenge_text": "Your bank wants to know that this payment is yours before your saved card is charged.",
    "challenge_confirm": "Yes, pay",
    "back": "Back to $merchant",
    "succeeded_title": "Paid",
    "succeeded_text": "This payment is finished. You need not pay again.",
    "authorised_title": "Reserved",
    "authorised_text": "The amount is reserved on your card, and charged later. You need not pay again.",
    "failed_title": "Not paid",
    "failed_text": "The card was declined. Nothing was charged.",
    "cancelled_title": "Cancelled",
    "cancelled_text": "This payment was cancelled. Nothing was charged.",
    "expired_title": "Page expired",
    "expired_text": "This page waited too long. Nothing was charged; start again from the shop.",
    "pending_title": "Being checked",
    "pending_text": "The bank is still checking this payment. There is no need to pay again.",
    "unknown_title": "No such payment",
    "unknown_text": "This address belongs to no payment. Go back to the shop and start again.",
}

_GERMAN = {
    "language": "de",
    "decimal_sign": ",",
    "group_sign": ".",
    "title": "$amount an $merchant zahlen",
    "sandbox": "Testumgebung: Es fließt kein Geld. Nimm eine Testkarte, nie eine echte.",
    "paying_to": "Zahlung an",
    "reference": "Referenz",
    "card_details": "Kartendaten",
    "number": "Kartennummer",
    "expiry": "Gültig bis",
    "expiry_hint": "MM/JJ",
    "cvc": "Prüfnummer (CVC)",
    "cvc_hint": "3 Ziffern",
    "pay": "$amount bezahlen",
    "cancel": "Abbrechen",
    "errors": "Prüf, was unten markiert ist.",
    "number_wrong": "Das ist keine Kartennummer. Prüf die Ziffern.",
    "number_not_test": "Diese Testumgebung nimmt nur die Testkarten, die auf dieser Seite stehen.",
    "expiry_wrong": "Gib Monat und Jahr an, zum Beispiel 08/29.",
    "expiry_past": "Diese Karte ist abgelaufen.",
    "cvc_wrong": "Die Prüfnummer hat 3 Ziffern.",
    "test_cards": "Testkarten",
    "test_cards_hint": "Wähl eine Karte, dann füllt sich das Formular.",
    "use_card": "Wählen",
    "succeeds": "Gelingt",
    "declined": "Von der Bank abgelehnt",
    "expired": "Abgelehnt: Karte abgelaufen",
    "poor": "Abgelehnt: zu wenig Guthaben",
    "notice_late": "Gelingt; die Meldung kommt 5 Sekunden später",
    "notice_lost": "Gelingt; die Meldung geht verloren",
    "notice_often": "Gelingt; die Meldung kommt fünfmal",
    "pending": "Bleibt offen, bis später entschieden wird",
    "foreign": "Gelingt; die Karte ist aus Brasilien",
    "wants_player": "Gelingt; beim nächsten Mal will die Bank dich sehen",
    "challenge_title": "Bist du es?",
    "challenge_text": "Deine Bank will wissen, ob diese Zahlung von dir ist, bevor deine gespeicherte Karte belastet wird.",
    "challenge_confirm": "Ja, bezahlen",
    "back": "Zurück zu $merchant",
    "succeeded_title": "Bezahlt",
    "succeeded_text": "Diese Zahlung ist abgeschlossen. Du musst nicht noch einmal zahlen.",
    "authorised_title": "Vorgemerkt",
    "authorised_text": "Der Betrag ist auf deiner Karte vorgemerkt und wird später abgebucht. Du musst nicht noch einmal zahlen.",
    "failed_title": "Nicht bezahlt",
    "failed_text": "Die Karte wurde abgelehnt. Es wurde nichts abgebucht.",
    "cancelled_title": "Abgebrochen",
    "cancelled_text": "Diese Zahlung wurde abgebrochen. Es wurde nichts abgebucht.",
    "expired_title": "Seite abgelaufen",
    "expired_text": "Diese Seite war zu lange offen. Es wurde nichts abgebucht. Beginn im Shop noch einmal.",
    "pending_title": "Wird geprüft",
    "pending_text": "Die Bank prüft diese Zahlung noch. Du musst nicht noch einmal zahlen.",
    "unknown_title": "Keine solche Zahlung",
    "unknown_text": "Zu dieser Adresse gehört keine Zahlung. Geh zurück zum Shop und beginn noch einmal.",
}

_BY_LANGUAGE = {"en": _ENGLISH, "de": _GERMAN}


def texts(language: str) -> Mapping[str, str]:
    """The words for ``de``, ``de-AT`` and ``de_AT`` alike; English where the page does not speak the language."""
    return _BY_LANGUAGE.get(language.replace("_", "-").split("-")[0].lower(), _ENGLISH)


def written(money: Money, words: Mapping[str, str]) -> str:
    """``1,234.50 EUR``, with the currency's own number of decimals and the language's signs."""
    whole, _, decimals = money.major.partition(".")
    grouped = f"{int(whole):,}".replace(",", words["group_sign"])
    amount = f"{grouped}{words['decimal_sign']}{decimals}" if decimals else grouped
    return f"{amount} {money.currency.code}"
