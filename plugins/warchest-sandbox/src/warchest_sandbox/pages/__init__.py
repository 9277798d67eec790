"""The hosted page: what the player sees, and what the form accepts. Plain HTML, no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from html import escape
from importlib.resources import files
from string import Template

from warchest.sdk.masking import has_right_check_digit
from warchest_sandbox.cards import TEST_CARDS, TestCard
from warchest_sandbox.pages.texts import texts, written
from warchest_sandbox.payments import Payment


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


STYLE_SHEET = _read("sandbox.css").encode()
_FRAME = Template(_read("frame.html"))
_PAY = Template(_read("pay.html"))
_CHALLENGE = Template(_read("challenge.html"))
_FINISHED = Template(_read("finished.html"))
_TEST_CARD = Template(_read("test_card.html"))
_EXPIRY = re.compile(r"\s*([0-9]{1,2})\s*/?\s*((?:20)?[0-9]{2})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class CardForm:
    """What stands in the form's fields; ``errors`` names the text for each field that is wrong."""

    number: str = ""
    expiry: str = ""
    cvc: str = field(default="", repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, card: TestCard, *, today: date) -> CardForm:
        """Filled in with a test card."""
        return cls(number=_in_groups(card.number), expiry=f"12/{(today.year + 3) % 100:02}", cvc="123")

    @classmethod
    def read(cls, fields: Mapping[str, str], *, today: date) -> CardForm:
        number, expiry, cvc = (fields.get(name, "")[:40] for name in ("number", "expiry", "cvc"))
        form = cls(number, expiry, cvc)
        errors: dict[str, str] = {}
        if not has_right_check_digit(form.card_number):
            errors["number"] = "number_wrong"
        elif form.card_number not in TEST_CARDS:
            errors["number"] = "number_not_test"
        if problem := _expiry_problem(form.expiry, today):
            errors["expiry"] = problem
        if not re.fullmatch(r"[0-9]{3}", form.cvc.strip()):
            errors["cvc"] = "cvc_wrong"
        return replace(form, errors=errors)

    @property
    def card_number(self) -> str:
        return re.sub(r"[\s-]", "", self.number)

    @property
    def expires(self) -> str:
        """``2039-12``, of a form without errors."""
        found = _EXPIRY.fullmatch(self.expiry)
        assert found is not None
        return f"{2000 + int(found[2]) % 100}-{int(found[1]):02}"


def pay(payment: Payment, form: CardForm, *, merchant: str) -> str:
    words = texts(payment.asked.language)
    amount = written(payment.amount, words)
    fields = _PAY.substitute(
        {name: escape(text) for name, text in words.items()}
        | {name: escape(getattr(form, name)) for name in ("number", "expiry")}
        # The security code is never sent back, except the one that we filled in ourselves.
        | {"cvc": "" if form.errors else escape(form.cvc)}
        | {f"{name}_label": escape(words[name]) for name in ("number", "expiry", "cvc")}
        | {f"{name}_state": _state(form, name) for name in ("number", "expiry", "cvc")}
        | {f"{name}_error": _error(form, name, words) for name in ("number", "expiry", "cvc")}
        | {
            "summary": f'<p class="alert" role="alert">{escape(words["errors"])}</p>' if form.errors else "",
            "merchant": escape(merchant),
            "amount": escape(amount),
            "description": escape(payment.asked.description),
            "payment_reference": escape(payment.asked.reference),
            "pay": escape(Template(words["pay"]).substitute(amount=amount)),
            "test_card_rows": "".join(_test_card(card, words) for card in TEST_CARDS.values()),
        }
    )
    title = Template(words["title"]).substitute(amount=amount, merchant=merchant)
    return _framed(words, title=title, content=fields)


def challenge(payment: Payment, *, merchant: str) -> str:
    """Where the bank wants the player to prove who they are, before a saved card is charged."""
    words = texts(payment.asked.language)
    amount = written(payment.amount, words)
    content = _CHALLENGE.substitute(
        {name: escape(text) for name, text in words.items()}
        | {
            "merchant": escape(merchant),
            "amount": escape(amount),
            "description": escape(payment.asked.description),
            "payment_reference": escape(payment.asked.reference),
        }
    )
    return _framed(words, title=f"{words['challenge_title']}: {merchant}", content=content)


def finished(payment: Payment, *, merchant: str, back_url: str) -> str:
    words = texts(payment.asked.language)
    title = words[f"{payment.status}_title"]
    back = Template(words["back"]).substitute(merchant=merchant)
    content = _FINISHED.substitute(
        status=payment.status,
        title=escape(title),
        text=escape(words[f"{payment.status}_text"]),
        amount=escape(written(payment.amount, words)),
        link=f'<a class="button" href="{escape(back_url)}">{escape(back)}</a>',
    )
    return _framed(words, title=f"{title}: {merchant}", content=content)


def not_found() -> str:
    words = texts("en")
    title = words["unknown_title"]
    content = _FINISHED.substitute(
        status="unknown", title=escape(title), text=escape(words["unknown_text"]), amount="", link=""
    )
    return _framed(words, title=title, content=content)


def _framed(words: Mapping[str, str], *, title: str, content: str) -> str:
    return _FRAME.substitute(
        language=words["language"], title=escape(title), sandbox=escape(words["sandbox"]), content=content
    )


def _state(form: CardForm, name: str) -> str:
    """The attributes that tie a wrong field to its message."""
    return f'aria-invalid="true" aria-describedby="{name}-error"' if name in form.errors else ""


def _error(form: CardForm, name: str, words: Mapping[str, str]) -> str:
    if name not in form.errors:
        return ""
    return f'<p class="error" id="{name}-error">{escape(words[form.errors[name]])}</p>'


def _test_card(card: TestCard, words: Mapping[str, str]) -> str:
    return _TEST_CARD.substitute(
        number=card.number,
        grouped=_in_groups(card.number),
        brand=escape(card.brand),
        story=escape(words[card.story]),
        use=escape(words["use_card"]),
    )


def _in_groups(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _expiry_problem(expiry: str, today: date) -> str:
    found = _EXPIRY.fullmatch(expiry)
    if not found or not 1 <= int(found[1]) <= 12:
        return "expiry_wrong"
    # A card is good until the end of its month.
    year, month = 2000 + int(found[2]) % 100, int(found[1])
    return "expiry_past" if (year, month) < (today.year, today.month) else ""
