"""How Stripe is called: by its own library, over a transport that ends in time and says no more than it must."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import msgspec
import stripe

from warchest.sdk.calling import RAW_CHARACTERS_MAX, Caller, NoAnswer
from warchest.sdk.masking import mask_card_numbers, mask_secrets
from warchest.sdk.payments import Report, Standing
from warchest_stripe.settings import API_VERSION, StripeSettings

# The library counts calls and tells Stripe of them and of this machine, and marks the machine with a file of its own.
stripe.enable_telemetry = False
# At the level of debugging it logs whole requests and answers.
logging.getLogger("stripe").setLevel(logging.WARNING)

_TOLD = frozenset({"authorization", "content-type", "idempotency-key", "stripe-version"})
"""The headers that are sent; what else the library adds is about this machine, and Stripe needs none of it."""

_RETRIES = 2
"""For conflicts and failures of Stripe's own, under the same idempotency key; never where nothing was answered."""

_METHOD_S_MAX = 50.0
"""All requests of one method share this time; each has ``timeout_s`` of it at most."""

_HIDDEN = frozenset(
    {
        "billing_details",
        "client_secret",
        "collected_information",
        "customer_details",
        "customer_email",
        "fingerprint",
        "iin",
        "payment_method",
        "receipt_email",
        "receipt_url",
        "shipping",
    }
)
"""Fields of answers that open something, or tell who somebody is: the books need neither."""

_OURS_TO_MEND = frozenset(
    {
        "account_invalid",
        "api_key_expired",
        "idempotency_key_in_use",
        "livemode_mismatch",
        "lock_timeout",
        "platform_api_key_expired",
        "rate_limit",
        "secret_key_required",
        "testmode_charges_only",
    }
)
"""Codes of refused requests that say nothing of the payment: they speak of the key, of the account, or of another request."""

_DECLINES = frozenset(
    {"authentication_required", "card_declined", "expired_card", "incorrect_cvc", "processing_error"}
)

_Read = TypeVar("_Read")


class Unable(Exception):
    """Stripe did not do what it was asked to, or nobody knows; ``report`` says which."""

    standing = Standing.UNKNOWN

    def __init__(self, reason: str, raw: str = "", *, never_sent: bool = False) -> None:
        super().__init__(reason)
        self.report = Report(self.standing, reason=reason, raw=raw, never_sent=never_sent)


class Unclear(Unable):
    """Nothing that says how the payment stands: no answer, none that can be read, or one about something else."""


class Missing(Unclear):
    """Stripe has nothing of this number."""


class Refused(Unable):
    """Stripe understood, and did nothing."""

    standing = Standing.FAILED


class Declined(Refused):
    """The player's bank, or Stripe for it, said no. ``intent`` is what Stripe then told of the payment, as it came."""

    def __init__(self, reason: str, raw: str, intent: Any) -> None:
        super().__init__(reason, raw)
        self.intent = intent


class _Transport(stripe.HTTPClient):
    name = "warchest"

    def __init__(self, settings: StripeSettings) -> None:
        super().__init__()
        self._caller = Caller(
            base_url=settings.base_url, timeout_s=settings.timeout_s, headers={"user-agent": "Warchest"}
        )
        self._timeout_s = settings.timeout_s
        self.ends_at = threading.local()

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        left_s = getattr(self.ends_at, "value", float("inf")) - time.monotonic()
        if left_s <= 0:
            raise self._silence("timeout")
        told = {name: value for name, value in (headers or {}).items() if name.lower() in _TOLD}
        body = None if post_data is None else post_data.encode()
        try:
            answer = self._caller.ask(
                method.upper(), url, body=body, headers=told, timeout_s=min(self._timeout_s, left_s)
            )
        except NoAnswer as silence:
            self._note(method, was_sent=silence.was_sent)
            raise self._silence(silence.reason) from None
        self._note(method, was_sent=True)
        return answer.body, answer.status, answer.headers

    def _note(self, method: str, *, was_sent: bool) -> None:
        # What only asks makes nothing known to Stripe. A try that may have arrived counts, though a later one did not.
        if was_sent and method.upper() != "GET":
            self.ends_at.has_written = True

    def _silence(self, reason: str) -> stripe.APIConnectionError:
        error = stripe.APIConnectionError(reason)  # type: ignore[no-untyped-call]
        error.never_sent = not getattr(self.ends_at, "has_written", True)  # type: ignore[attr-defined]
        return error

    def close(self) -> None:
        self._caller.close()


class Stripe:
    """One account. Shared by threads; ``api`` is Stripe's own client, whose calls go through ``ask``."""

    def __init__(self, settings: StripeSettings) -> None:
        self._settings = settings
        self._transport = _Transport(settings)
        self.api = stripe.StripeClient(
            settings.api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": settings.base_url},
            max_network_retries=_RETRIES,
            http_client=self._transport,
        ).v1

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """All calls of this thread within end before its time is up."""
        told = self._transport.ends_at
        told.value, told.has_written = time.monotonic() + _METHOD_S_MAX, False
        try:
            yield
        finally:
            del told.value, told.has_written

    def ask(self, call: Callable[[], Any], into: type[_Read]) -> tuple[_Read, str]:
        """One call: its answer, read, and the text of it for the books. Raises Unclear, Missing, Refused, Declined."""
        try:
            answer = call()
        except stripe.StripeError as error:
            raise self._said(error) from None
        except (AttributeError, KeyError, TypeError, ValueError):
            # The library makes objects of answers, and stumbles over those that are none of Stripe's.
            raise Unclear("unreadable") from None
        text = getattr(getattr(answer, "last_response", None), "body", "")
        raw = self.raw(text)
        try:
            return msgspec.json.decode(text, type=into), raw
        except (msgspec.MsgspecError, UnicodeError):
            raise Unclear("unreadable", raw) from None

    def look(self, call: Callable[[], Any], into: type[_Read]) -> tuple[_Read, str]:
        """A call that only asks: where Stripe refuses it, it refuses the question, and says nothing of the payment.

        Raises Unclear, Missing.
        """
        try:
            return self.ask(call, into)
        except Refused as refused:
            raise Unclear(refused.report.reason, refused.report.raw) from None

    def raw(self, text: str) -> str:
        """The text as it may be kept: no card numbers, no secrets, nobody's name or address."""
        with suppress(ValueError, RecursionError):
            text = json.dumps(_without_hidden(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
        return mask_card_numbers(mask_secrets(text, self._settings.secrets))[:RAW_CHARACTERS_MAX]

    def close(self) -> None:
        self._transport.close()

    def _said(self, error: stripe.StripeError) -> Unable:
        if isinstance(error, stripe.APIConnectionError):
            return Unclear(str(error.user_message), never_sent=getattr(error, "never_sent", False))
        raw = self.raw(error.http_body or "")
        said = error.json_body.get("error") if isinstance(error.json_body, dict) else None
        if not isinstance(said, dict):
            # A page that some machine in between wrote, for instance, refuses nothing.
            return Unclear(
                f"http_{error.http_status}" if error.http_status not in {None, 200} else "unreadable", raw
            )
        code = _word(said.get("code"))
        reason = code or _word(said.get("type")) or f"http_{error.http_status}"
        match error:
            case stripe.CardError() if said.get("type") == "card_error" or code in _DECLINES:
                return Declined(_word(said.get("decline_code")) or reason, raw, said.get("payment_intent"))
            case stripe.InvalidRequestError() if error.http_status == 404:
                return Missing(reason, raw)
            case stripe.InvalidRequestError() if code not in _OURS_TO_MEND:
                return Refused(reason, raw)
            case stripe.AuthenticationError():
                return Unclear("api_key_not_accepted", raw)
            case stripe.PermissionError():
                return Unclear("api_key_lacks_permission", raw)
            case stripe.RateLimitError():
                return Unclear("rate_limit", raw)
            case stripe.IdempotencyError():
                return Unclear("idempotency_error", raw)
            case _:
                # Behind a failure of Stripe's own the payment may well have been carried out.
                return Unclear(reason, raw)


def _word(value: object) -> str:
    return value[:80] if isinstance(value, str) else ""


def _without_hidden(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: "***" if name in _HIDDEN and kept else _without_hidden(kept)
                for name, kept in value.items()
            }
        case list():
            return [_without_hidden(each) for each in value]
        case _:
            return value
