"""The rules that the house sets for payments, and a look at what they make of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from warchest.journeys.refusals import explain
from warchest.journeys.set_payment_rule import end_payment_rule, set_payment_rule
from warchest.kernel.currency import INNER, currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract import (
    AmountBounds,
    Counting,
    Countries,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    HouseRule,
    MethodSwitch,
    Payments,
    ReviewTerms,
    Route,
    RuleDraft,
    RuleKind,
    Terms,
    TopUpBonus,
    UnableToSetRule,
    Why,
    Wish,
    WithdrawalTerms,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.pages.providers import who

KINDS = {
    RuleKind.ROUTE: (
        gettext_lazy("Routes"),
        gettext_lazy("Which provider takes a payment: the least priority first, then the cheapest."),
    ),
    RuleKind.METHOD: (
        gettext_lazy("Ways to pay by country"),
        gettext_lazy("A way to pay is offered wherever its provider takes it, but for what stands here."),
    ),
    RuleKind.BOUNDS: (
        gettext_lazy("Least and greatest amounts"),
        gettext_lazy("Of several that fit a payment, each must be kept."),
    ),
    RuleKind.BONUS: (
        gettext_lazy("Bonus by size"),
        gettext_lazy("Units on top, as a gift: they are never paid out, and go back with a refund."),
    ),
    RuleKind.FRAUD: (
        gettext_lazy("Fraud"),
        gettext_lazy("The severest verdict of all rules that speak counts."),
    ),
    RuleKind.WITHDRAWAL: (
        gettext_lazy("Withdrawal"),
        gettext_lazy(
            "How many days players may withdraw from a top-up or a purchase; without a rule, what the law says."
        ),
    ),
    RuleKind.REVIEW: (
        gettext_lazy("Reviews"),
        gettext_lazy("From how many units on two people decide, and when waiting is too long."),
    ),
}
WHYS = {
    Why.FITS: (gettext_lazy("takes it"), "success"),
    Why.DISABLED: (gettext_lazy("switched off"), "plain"),
    Why.MISCONFIGURED: (gettext_lazy("not configured, or wrongly"), "danger"),
    Why.CURRENCY: (gettext_lazy("does not take this currency"), "plain"),
    Why.METHOD: (gettext_lazy("does not offer this way to pay"), "plain"),
    Why.METHOD_OFF: (gettext_lazy("this way to pay is off in this country"), "warning"),
    Why.AMOUNT: (gettext_lazy("the amount is too small or too great"), "warning"),
    Why.RULE: (gettext_lazy("a route says never"), "warning"),
    Why.DOWN: (gettext_lazy("does not answer right now"), "danger"),
    Why.NOT_WISHED: (gettext_lazy("another one is wished for"), "plain"),
}
TESTS = {
    FraudTest.COUNT: gettext_lazy("more payments than the limit within the time"),
    FraudTest.UNITS: gettext_lazy("payments of more units than the limit within the time"),
    FraudTest.CARDS: gettext_lazy("more different cards than the limit within the time"),
    FraudTest.MISMATCH: gettext_lazy("two countries that differ"),
}
KEYS = {
    FraudKey.PLAYER: gettext_lazy("of one player"),
    FraudKey.CARD: gettext_lazy("by one card"),
    FraudKey.ADDRESS: gettext_lazy("from one address"),
    FraudKey.NETWORK: gettext_lazy("from one network"),
}
VERDICTS = {
    FraudVerdict.ALLOW: (pgettext_lazy("verdict of a fraud rule", "allow"), "success"),
    FraudVerdict.REVIEW: (pgettext_lazy("verdict of a fraud rule", "review"), "warning"),
    FraudVerdict.BLOCK: (pgettext_lazy("verdict of a fraud rule", "block"), "danger"),
}
COUNTRIES = {
    Countries.PLAYER_CARD: gettext_lazy("the player's and the card's"),
    Countries.PLAYER_ADDRESS: gettext_lazy("the player's and the address's"),
    Countries.CARD_ADDRESS: gettext_lazy("the card's and the address's"),
}


def _currencies() -> list[tuple[str, str]]:
    return [(code, code) for code in currency_codes() if code != INNER.code]


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in text.replace(",", " ").split())


class _RuleForm(forms.Form):
    """What all kinds have: a name, and from when until when."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        moment = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        self.fields["valid_from"] = forms.DateTimeField(
            label=_("From (UTC)"), required=False, widget=moment, help_text=_("Empty: at once.")
        )
        self.fields["valid_until"] = forms.DateTimeField(
            label=_("Until (UTC)"),
            required=False,
            widget=moment,
            help_text=_("Empty: until somebody ends it."),
        )

    def draft(self) -> RuleDraft:
        said = self.cleaned_data
        return RuleDraft(
            name=said["name"],
            terms=self.terms(said),
            valid_from=_in_utc(said["valid_from"]),
            valid_until=_in_utc(said["valid_until"]),
        )

    def terms(self, said: dict[str, Any]) -> Terms:
        raise NotImplementedError


def _in_utc(moment: datetime | None) -> datetime | None:
    # Entered as UTC, whatever time zone the page is in.
    return moment.replace(tzinfo=UTC) if moment else None


class RouteForm(_RuleForm):
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    never = forms.BooleanField(label=gettext_lazy("Never send such payments there"), required=False)
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"), min_value=0, max_value=1000, initial=100,
        help_text=gettext_lazy("The least comes first; without a rule it is 100."),
    )  # fmt: skip
    method = forms.CharField(
        label=gettext_lazy("Way to pay"), required=False, help_text=gettext_lazy("Empty: any.")
    )
    countries = forms.CharField(
        label=gettext_lazy("Countries"),
        required=False,
        help_text=gettext_lazy("Codes such as DE AT. Empty: all."),
    )
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), required=False)
    amount_from = forms.CharField(label=gettext_lazy("Amount from"), required=False)
    amount_below = forms.CharField(label=gettext_lazy("Amount below"), required=False)
    fee_percent = forms.CharField(label=gettext_lazy("It keeps, in per cent"), initial="0")
    fee_fixed = forms.CharField(label=gettext_lazy("And of each payment"), initial="0")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [
            (each.name, each.label) for each in services.get(Payments).providers()
        ]
        self.fields["currency"].choices = [("", _("all")), *_currencies()]

    def terms(self, said: dict[str, Any]) -> Terms:
        return Route(
            provider=said["provider"],
            method=said["method"].strip(),
            countries=_codes(said["countries"]),
            currency=said["currency"],
            amount_from=said["amount_from"].strip(),
            amount_below=said["amount_below"].strip(),
            priority=said["priority"],
            never=said["never"],
            fee_percent=said["fee_percent"].strip(),
            fee_fixed=said["fee_fixed"].strip(),
        )


class MethodForm(_RuleForm):
    method = forms.CharField(
        label=gettext_lazy("Way to pay"), help_text=gettext_lazy("As the provider calls it, such as visa.")
    )
    countries = forms.CharField(
        label=gettext_lazy("Countries"), help_text=gettext_lazy("Codes such as DE AT.")
    )
    only = forms.BooleanField(
        label=gettext_lazy("It is offered only there"), required=False,
        help_text=gettext_lazy("Without this mark it is off there, and offered everywhere else."),
    )  # fmt: skip

    def terms(self, said: dict[str, Any]) -> Terms:
        return MethodSwitch(
            method=said["method"].strip(), countries=_codes(said["countries"]), only=said["only"]
        )


class BoundsForm(_RuleForm):
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), choices=_currencies)
    least = forms.CharField(label=gettext_lazy("Least amount"))
    most = forms.CharField(label=gettext_lazy("Greatest amount"))
    provider = forms.CharField(
        label=gettext_lazy("Provider"), required=False, help_text=gettext_lazy("Empty: any.")
    )
    method = forms.CharField(
        label=gettext_lazy("Way to pay"), required=False, help_text=gettext_lazy("Empty: any.")
    )

    def terms(self, said: dict[str, Any]) -> Terms:
        return AmountBounds(
            **{field: said[field].strip() for field in ("currency", "least", "most", "provider", "method")}
        )


class BonusForm(_RuleForm):
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), choices=_currencies)
    amount_from = forms.CharField(label=gettext_lazy("For payments from"))
    percent = forms.CharField(label=gettext_lazy("Units on top, in per cent"))
    days = forms.IntegerField(
        label=gettext_lazy("They last so many days"), min_value=0, initial=0,
        help_text=gettext_lazy("0: for ever."),
    )  # fmt: skip

    def terms(self, said: dict[str, Any]) -> Terms:
        return TopUpBonus(
            said["currency"], said["amount_from"].strip(), said["percent"].strip(), said["days"]
        )


class FraudForm(_RuleForm):
    test = forms.ChoiceField(
        label=gettext_lazy("It speaks on"), choices=[(each.value, says) for each, says in TESTS.items()]
    )
    by = forms.ChoiceField(
        label=gettext_lazy("Taken together"), choices=[(each.value, says) for each, says in KEYS.items()]
    )
    limit = forms.IntegerField(label=gettext_lazy("Limit"), min_value=0, initial=5)
    minutes = forms.IntegerField(label=gettext_lazy("Time, in minutes"), min_value=1, initial=60)
    counting = forms.ChoiceField(
        label=gettext_lazy("Of payments it counts"),
        choices=[
            (Counting.ALL.value, gettext_lazy("all")),
            (Counting.FAILED.value, gettext_lazy("those that failed or were blocked")),
        ],
    )
    units_below = forms.IntegerField(
        label=gettext_lazy("Only payments of fewer units"),
        min_value=0,
        initial=0,
        help_text=gettext_lazy("0: all."),
    )
    between = forms.ChoiceField(
        label=gettext_lazy("Countries that are compared"),
        choices=[(each.value, says) for each, says in COUNTRIES.items()],
    )
    verdict = forms.ChoiceField(
        label=gettext_lazy("Then"),
        choices=[
            (FraudVerdict.REVIEW.value, gettext_lazy("a person decides")),
            (FraudVerdict.BLOCK.value, gettext_lazy("it is blocked")),
        ],
    )

    def terms(self, said: dict[str, Any]) -> Terms:
        return FraudRule(
            test=FraudTest(said["test"]),
            verdict=FraudVerdict(said["verdict"]),
            by=FraudKey(said["by"]),
            counting=Counting(said["counting"]),
            limit=said["limit"],
            minutes=said["minutes"],
            units_below=said["units_below"],
            between=Countries(said["between"]),
        )


class ReviewForm(_RuleForm):
    four_eyes_units = forms.IntegerField(
        label=gettext_lazy("Two people decide from so many units on"), min_value=0, initial=0,
        help_text=gettext_lazy("0: one is always enough."),
    )  # fmt: skip
    alert_hours = forms.IntegerField(
        label=gettext_lazy("Tell who watches after so many hours"), min_value=1, initial=24
    )

    def terms(self, said: dict[str, Any]) -> Terms:
        return ReviewTerms(said["four_eyes_units"], said["alert_hours"])


class WithdrawalForm(_RuleForm):
    days = forms.IntegerField(
        label=gettext_lazy("Days"), min_value=0, max_value=366, initial=14,
        help_text=gettext_lazy("0: players there can't withdraw."),
    )  # fmt: skip
    countries = forms.CharField(
        label=gettext_lazy("Countries"),
        required=False,
        help_text=gettext_lazy("Codes such as DE AT. Empty: all that have no rule of their own."),
    )
    may_waive = forms.BooleanField(
        label=gettext_lazy("Who lets time begin at once gives the right up"), required=False,
        help_text=gettext_lazy("Without this mark they pay for the time that was served until they withdraw."),
    )  # fmt: skip

    def terms(self, said: dict[str, Any]) -> Terms:
        return WithdrawalTerms(said["days"], _codes(said["countries"]), said["may_waive"])


FORMS: dict[RuleKind, type[_RuleForm]] = {
    RuleKind.ROUTE: RouteForm,
    RuleKind.METHOD: MethodForm,
    RuleKind.BOUNDS: BoundsForm,
    RuleKind.BONUS: BonusForm,
    RuleKind.FRAUD: FraudForm,
    RuleKind.REVIEW: ReviewForm,
    RuleKind.WITHDRAWAL: WithdrawalForm,
}


@needs("payment_rule.see")
def payment_rules(request: HttpRequest) -> HttpResponse:
    at = now()
    rules = services.get(Payments).house_rules()
    return page(
        request,
        "payment_rules",
        _("Rules for payments"),
        kinds=[
            {
                "kind": kind,
                "title": title,
                "says": says,
                "rules": [
                    (rule, in_words(rule.terms))
                    for rule in rules
                    if rule.kind is kind and (rule.valid_until is None or rule.valid_until > at)
                ],
            }
            for kind, (title, says) in KINDS.items()
        ],
        at=at,
    )


@needs("payment_rule.see")
def kind_of_rule(request: HttpRequest, kind: str) -> HttpResponse:
    try:
        wanted = RuleKind(kind)
    except ValueError:
        raise Http404 from None
    form = FORMS[wanted](request.POST or None)
    if request.method == "POST" and form.is_valid() and _set(request, form):
        return redirect("backoffice:payment-rule-kind", kind)
    title, says = KINDS[wanted]
    at = now()
    rules = services.get(Payments).house_rules(kinds=(wanted,))
    return page(
        request,
        "payment_rule_kind",
        str(title),
        kind=kind,
        says=says,
        form=form,
        rules=[_shown(rule, at) for rule in reversed(rules)],
    )


def _shown(rule: HouseRule, at: datetime) -> tuple[HouseRule, str, str, str, str]:
    """The rule, its terms in words, how it stands with its colour, and who made it."""
    if rule.valid_until is not None and rule.valid_until <= at:
        return rule, in_words(rule.terms), _("ended"), "plain", who(rule.made_by)
    if rule.valid_from > at:
        return rule, in_words(rule.terms), _("later"), "info", who(rule.made_by)
    return rule, in_words(rule.terms), _("in force"), "success", who(rule.made_by)


def _set(request: HttpRequest, form: _RuleForm) -> bool:
    try:
        set_payment_rule(command(request), draft=form.draft())
    except UnableToSetRule as refusal:
        field = str(refusal.details.get("field", ""))
        form.add_error(field if field in form.fields else None, explain(refusal).text)
        return False
    except UnableTo as refusal:
        form.add_error(None, explain(refusal).text)
        return False
    messages.success(request, _("The rule is set."))
    return True


@only_sent("backoffice:payment-rules")
@needs("payment_rule.set")
def end(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    if attempt(request, lambda: end_payment_rule(command(request), rule=rule_id).answer):
        messages.success(request, _("The rule has ended. It stays to be seen."))
    kind = request.POST.get("kind", "")
    if kind in set(RuleKind):
        return redirect("backoffice:payment-rule-kind", kind)
    return redirect("backoffice:payment-rules")


class WishForm(forms.Form):
    amount = forms.CharField(label=gettext_lazy("Amount"), initial="10.00")
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), choices=_currencies, initial="EUR")
    country = forms.CharField(label=gettext_lazy("The player's country"), initial="DE", max_length=2)
    method = forms.CharField(
        label=gettext_lazy("Way to pay"), required=False, help_text=gettext_lazy("Empty: any.")
    )


@needs("payment_rule.see")
def preview(request: HttpRequest) -> HttpResponse:
    """Which provider would take a payment, and why; nobody is asked."""
    form = WishForm(request.GET or None)
    choices = None
    if request.GET and form.is_valid():
        said = form.cleaned_data
        try:
            wish = Wish(
                amount=Money.parse(said["amount"].strip(), said["currency"]),
                country=said["country"].strip().upper(),
                method=said["method"].strip(),
            )
            choices = [
                (choice, *WHYS[choice.why]) for choice in services.get(Payments).routes(wish=wish, at=now())
            ]
        except UnableTo as refusal:
            form.add_error("amount", explain(refusal).text)
    return page(request, "route_preview", _("Who would take a payment"), form=form, choices=choices)


def in_words(terms: Terms) -> str:
    """What a rule says, in a line."""
    match terms:
        case Route():
            where = ", ".join(terms.countries) or _("all countries")
            what = " ".join(
                filter(None, (terms.method, terms.currency, _range(terms.amount_from, terms.amount_below)))
            )
            to = _("never to %(provider)s") if terms.never else _("to %(provider)s, priority %(priority)s")
            fee = _(", keeps %(percent)s%% and %(fixed)s") % {
                "percent": terms.fee_percent,
                "fixed": terms.fee_fixed,
            }
            told = to % {"provider": terms.provider, "priority": terms.priority}
            return f"{where}: {what + ' ' if what else ''}{told}{'' if terms.never else fee}"
        case MethodSwitch():
            says = (
                _("%(method)s only in %(countries)s") if terms.only else _("%(method)s not in %(countries)s")
            )
            return says % {"method": terms.method, "countries": ", ".join(terms.countries)}
        case AmountBounds():
            whom = " ".join(filter(None, (terms.provider, terms.method)))
            return f"{terms.least} – {terms.most} {terms.currency}" + (f" ({whom})" if whom else "")
        case TopUpBonus():
            says = _("%(percent)s%% on top from %(amount)s %(currency)s on")
            return says % {"percent": terms.percent, "amount": terms.amount_from, "currency": terms.currency}
        case FraudRule():
            return _fraud_in_words(terms)
        case ReviewTerms():
            eyes = (
                _("two people from %(units)s units on") % {"units": terms.four_eyes_units}
                if terms.four_eyes_units
                else _("one person decides")
            )
            return eyes + _("; too long after %(hours)s hours") % {"hours": terms.alert_hours}
        case WithdrawalTerms():
            where = " ".join(terms.countries) or _("everywhere else")
            if not terms.days:
                return _("%(where)s: nobody can withdraw") % {"where": where}
            within = ngettext("%(where)s: within %(days)s day", "%(where)s: within %(days)s days", terms.days)
            words = within % {"where": where, "days": terms.days}
            return words + (_("; given up by who begins at once") if terms.may_waive else "")


def _fraud_in_words(terms: FraudRule) -> str:
    verdict = VERDICTS[terms.verdict][0]
    if terms.test is FraudTest.MISMATCH:
        return f"{TESTS[terms.test]}: {COUNTRIES[terms.between]} → {verdict}"
    narrowed = [
        str(KEYS[terms.by]),
        _("limit %(limit)s in %(minutes)s minutes") % {"limit": terms.limit, "minutes": terms.minutes},
    ]
    if terms.counting is Counting.FAILED:
        narrowed.append(_("failed or blocked ones"))
    if terms.units_below:
        narrowed.append(_("below %(units)s units") % {"units": terms.units_below})
    return f"{TESTS[terms.test]}, {', '.join(narrowed)} → {verdict}"


def _range(least: str, below: str) -> str:
    return f"{least or '0'}–{below or '∞'}" if least or below else ""
