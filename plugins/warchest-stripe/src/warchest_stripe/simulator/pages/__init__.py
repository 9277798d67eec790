"""Checkout's page and the bank's, plain HTML without scripts. They say that they are simulated."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from warchest_stripe import minor_units
from warchest_stripe.simulator.cards import TEST_CARDS, TEST_IBAN


def _read(name: str) -> Template:
    return Template(files(__name__).joinpath(name).read_text(encoding="utf-8"))


_FRAME = _read("frame.html")
_PAY = _read("pay.html")
_DEBIT = _read("debit.html")
_PROVE = _read("prove.html")


def pay(session: dict[str, Any], *, alert: str = "", number: str = "") -> str:
    """The page of an open session. ``number`` fills the card in."""
    amount = str(minor_units.read(session["amount_total"], session["currency"]))
    text = alert or session["_alert"]
    cards = "".join(
        f'<li><a href="?card={card.number}">{_grouped(card.number)}</a> {escape(card.story)}</li>\n'
        for card in TEST_CARDS.values()
    )
    content = _PAY.substitute(
        alert=f'<p class="alert" role="alert">{escape(text)}</p>' if text else "",
        amount=escape(amount),
        name=escape(session["_name"]),
        number=escape(_grouped(number)) if number in TEST_CARDS else "",
        saves="<p>Your card will be kept for the next time.</p>"
        if session["_about"].get("setup_future_usage")
        else "",
        debit=_DEBIT.substitute(iban=TEST_IBAN) if "sepa_debit" in session["payment_method_types"] else "",
        back=escape(session["cancel_url"] or ""),
        cards=cards,
    )
    return framed(f"Pay {amount}", content)


def over(title: str) -> str:
    return framed(title, f"<h1>{escape(title)}</h1>\n<p>There is nothing to pay here any more.</p>")


def prove(intent: dict[str, Any]) -> str:
    amount = str(minor_units.read(intent["amount"], intent["currency"]))
    return framed("3D Secure", _PROVE.substitute(amount=escape(amount)))


def framed(title: str, content: str) -> str:
    return _FRAME.substitute(title=escape(title), content=content)


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
