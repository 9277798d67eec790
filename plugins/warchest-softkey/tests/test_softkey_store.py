"""The plug-in, dialect by dialect: the conformance kit, and signatures that were made by hand from the documents."""

from __future__ import annotations

import hashlib
import hmac
from importlib.metadata import entry_points

import msgspec
import pytest

from warchest.sdk.conformance.session import Outcome as Verdict
from warchest.sdk.store_conformance import NOW, TriedStep, all_steps, run
from warchest.sdk.stores import Asked, RawCall, Store, UnableToTrustCall
from warchest_softkey.rig import SoftkeyRig
from warchest_softkey.store import SoftkeySettings, SoftkeyStore

SECRET = "0123456789abcdef"


def a_store(**settings: object) -> SoftkeyStore:
    return SoftkeyStore(msgspec.convert({"secret": SECRET, **settings}, SoftkeySettings))


def posted(body: bytes, **headers: str) -> RawCall:
    return RawCall("POST", "", headers, body, NOW)


@pytest.mark.parametrize("step", all_steps(SoftkeyRig()), ids=str)
def test_conformance(step: TriedStep) -> None:
    result = run(SoftkeyRig(), SoftkeyStore, dialect=step.dialect, step=step.step)
    if result.outcome is Verdict.SKIPPED:
        pytest.skip(result.detail)
    assert result.outcome is Verdict.PASSED, result.detail


def test_is_found_by_its_entry_point() -> None:
    (point,) = entry_points(group="warchest.stores", name="softkey")

    assert point.load() is SoftkeyStore
    assert isinstance(a_store(), Store)


def test_allsofts_signature_is_that_of_its_documents() -> None:
    # Put together here by hand, and not by the plug-in's own function.
    signed = f"{SECRET};order_paid;4711;2026-03-15;card;EUR;buyer@example.org"
    body = (
        b'{"event": "order_paid", "order_id": 4711, "create_date": "2026-03-15", "payment_method": "card",'
        b' "currency": "EUR", "customer": {"email": "buyer@example.org"},'
        b' "product": {"id": "credits-10", "order_item_id": 1, "quantity": 1}}'
    )
    signature = hashlib.sha512(signed.encode()).hexdigest()

    read = a_store(dialect="allsoft").read(posted(body, signature=signature.upper()))

    assert (read.asked, read.order, read.line, read.product) == (Asked.CODE, "4711", "1", "credits-10")


def test_fastsprings_hash_is_that_of_its_documents() -> None:
    # By the names' order: item_reference, product, quantity, reference; then the private key.
    signature = hashlib.md5(f"1credits-102A-7{SECRET}".encode()).hexdigest()
    body = f"reference=A-7&product=credits-10&quantity=2&item_reference=1&security_request_hash={signature}"

    read = a_store(dialect="fastspring").read(posted(body.encode()))

    assert (read.order, read.quantity) == ("A-7", 2)


def test_an_own_field_map_an_own_header_and_own_events() -> None:
    store = a_store(
        method="POST",
        signature_header="X-Shop-Mac",
        fields={"order": "bestellung", "product": "artikel", "event": "was"},
        events={"storno": "cancel", "verkauf": "code"},
    )
    body = b"bestellung=7&artikel=credits-10&was=verkauf"
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    read = store.read(posted(body, **{"x-shop-mac": mac}))
    assert (read.asked, read.order, read.line) == (Asked.CODE, "7", "credits-10")
    with pytest.raises(UnableToTrustCall, match="store_call_malformed"):
        store.read(RawCall("GET", body.decode(), {"x-shop-mac": mac}, b"", NOW))


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "short"},
        {"dialect": "esperanto"},
        {"fields": {"colour": "x"}},
        {"events": {"x": "explode"}},
        {"secret_field": ""},
        {"previous_secret": "short"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError)):
        a_store(**settings)


def test_says_what_is_assumed_and_not_documented() -> None:
    for dialect in ("softkey", "allsoft", "fastspring"):
        assert "assumption" in " ".join(a_store(dialect=dialect).description.assumptions)
