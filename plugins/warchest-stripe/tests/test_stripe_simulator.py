"""The simulator keeps to Stripe's published API: its requests and objects are those of Stripe's own library."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
import stripe.params
import stripe.params.checkout

from warchest_stripe.simulator import cards, forms, parameters
from warchest_stripe.simulator.refusing import StripeSays
from warchest_stripe.testing import RunningSimulator

p, c = stripe.params, stripe.params.checkout

PARAMETERS = [
    (parameters.CREATE_SESSION, c.SessionCreateParams),
    (parameters.LIST_SESSIONS, c.SessionListParams),
    (parameters.CREATE_INTENT, p.PaymentIntentCreateParams),
    (parameters.LIST_INTENTS, p.PaymentIntentListParams),
    (parameters.CAPTURE, p.PaymentIntentCaptureParams),
    (parameters.CANCEL, p.PaymentIntentCancelParams),
    (parameters.CREATE_CUSTOMER, p.CustomerCreateParams),
    (parameters.SEARCH, p.CustomerSearchParams),
    (parameters.CREATE_REFUND, p.RefundCreateParams),
    (parameters.LIST_REFUNDS, p.RefundListParams),
    (parameters.UPDATE_DISPUTE, p.DisputeUpdateParams),
    (parameters.LIST_TRANSACTIONS, p.BalanceTransactionListParams),
    (parameters.LIST_PAYOUTS, p.PayoutListParams),
    (parameters.LIST_EVENTS, p.EventListParams),
]

OBJECTS: dict[str, Any] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "payment_method": stripe.PaymentMethod,
    "customer": stripe.Customer,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction,
    "payout": stripe.Payout,
    "event": stripe.Event,
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with RunningSimulator(tmp_path_factory.mktemp("stripe")) as running:
        yield running


def a_session(simulator: RunningSimulator, reference: str, **more: str) -> dict[str, Any]:
    form = {
        "mode": "payment",
        "client_reference_id": reference,
        "success_url": "http://127.0.0.1:9/done",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "2000",
        "line_items[0][price_data][product_data][name]": "Credits",
        "payment_intent_data[metadata][reference]": reference,
    } | more
    session: dict[str, Any] = simulator.ask("POST", "/v1/checkout/sessions", data=form)
    return session


class TestTheApi:
    @pytest.mark.parametrize(("known", "theirs"), PARAMETERS, ids=lambda each: getattr(each, "__name__", ""))
    def test_takes_no_parameter_that_stripe_does_not(self, known: dict[str, Any], theirs: Any) -> None:
        assert set(known) <= set(theirs.__annotations__)

    def test_shows_no_field_that_stripe_does_not(self, simulator: RunningSimulator) -> None:
        session = a_session(simulator, "fields")
        simulator.pay(session["url"], "4000000000000259")
        intent = simulator.tell("GET", "events?reference=fields")
        assert intent
        form = {"payment_intent": _intent_of(simulator, "fields"), "amount": "1"}
        with pytest.raises(RuntimeError, match="charge_disputed"):
            simulator.ask("POST", "/v1/refunds", data=form)
        simulator.dispute("fields", "won")
        other = a_session(simulator, "fields-too")
        simulator.pay(other["url"])
        simulator.ask("POST", "/v1/refunds", data={"payment_intent": _intent_of(simulator, "fields-too")})
        simulator.ask("POST", "/v1/customers", data={"metadata[payer]": "x"})
        seen = set()
        for path in ("checkout/sessions", "payment_intents", "refunds", "balance_transactions", "events"):
            for shown in simulator.ask("GET", f"/v1/{path}?limit=100")["data"]:
                seen |= set(_objects(shown))
        unknown = {
            (kind, name) for kind, name in seen if kind in OBJECTS and name not in fields_of(OBJECTS[kind])
        }
        assert unknown == set()
        assert {kind for kind, _ in seen} >= {
            "checkout.session",
            "payment_intent",
            "charge",
            "dispute",
            "refund",
        }

    def test_refuses_unknown_parameters_and_wrong_keys(self, simulator: RunningSimulator) -> None:
        with pytest.raises(RuntimeError, match="parameter_unknown"):
            a_session(simulator, "unknown", made_up="1")
        with httpx.Client(base_url=simulator.url, trust_env=False) as stranger:
            answer = stranger.get("/v1/balance", headers={"authorization": "Bearer sk_test_else"})
        assert answer.status_code == 401

    def test_answers_a_key_once_and_refuses_it_for_something_else(self, simulator: RunningSimulator) -> None:
        def ask(amount: str) -> httpx.Response:
            form = {
                "mode": "payment",
                "success_url": "http://127.0.0.1:9/",
                "line_items[0][quantity]": "1",
                "line_items[0][price_data][currency]": "eur",
                "line_items[0][price_data][unit_amount]": amount,
                "line_items[0][price_data][product_data][name]": "Credits",
            }
            headers = {
                "authorization": f"Bearer {simulator.settings['api_key']}",
                "idempotency-key": "one-key",
            }
            with httpx.Client(base_url=simulator.url, trust_env=False) as client:
                return client.post("/v1/checkout/sessions", data=form, headers=headers)

        too_small, first, again, other = ask("10"), ask("2000"), ask("2000"), ask("2001")
        # What failed its checks did not use up the key.
        assert too_small.json()["error"]["code"] == "amount_too_small"
        assert first.json() == again.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert other.json()["error"]["type"] == "idempotency_error"

    def test_cannot_be_paid_when_its_time_is_over(self, simulator: RunningSimulator) -> None:
        session = a_session(simulator, "over")
        simulator.tell("POST", "expire", {"session": session["id"]})
        with httpx.Client(trust_env=False) as browser:
            page = browser.post(session["url"], data={"number": cards.GOOD_CARD, "action": "pay"})
        assert page.status_code == 200 and "nothing to pay" in page.text
        assert simulator.truth("over")["taken"] == []

    def test_ends_with_its_parent(self, tmp_path: Path) -> None:
        program = (
            "import os, pathlib, sys; from warchest_stripe.testing import RunningSimulator\n"
            "simulator = RunningSimulator(pathlib.Path(sys.argv[1])); simulator.start()\n"
            "print(simulator.url, flush=True); os._exit(1)"
        )
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=30
        )
        gone = threading.Event()

        def look() -> None:
            while not gone.is_set():
                try:
                    httpx.get(f"{run.stdout.strip()}/v1/balance", trust_env=False, timeout=1)
                except httpx.TransportError:
                    gone.set()

        threading.Thread(target=look, daemon=True).start()
        assert gone.wait(5)

    def test_keeps_its_objects_over_a_restart_and_no_card_number(self, tmp_path: Path) -> None:
        with RunningSimulator(tmp_path) as running:
            session = a_session(running, "kept")
            running.pay(session["url"])
        with RunningSimulator(tmp_path) as running:
            assert running.truth("kept")["taken"] == [[2000, "eur"]]
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert cards.GOOD_CARD.encode() not in held


class TestEvents:
    @pytest.fixture
    def inbox(self) -> Iterator[tuple[str, queue.Queue[dict[str, Any]], list[int]]]:
        received: queue.Queue[dict[str, Any]] = queue.Queue()
        answers: list[int] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put(
                    json.loads(body) | {"_signature": self.headers["Stripe-Signature"], "_body": body}
                )
                self.send_response(answers.pop(0) if answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", received, answers
        server.shutdown()
        server.server_close()

    def test_are_signed_so_that_stripes_library_believes_them(self, inbox: Any, tmp_path: Path) -> None:
        url, received, _ = inbox
        with RunningSimulator(tmp_path, webhook_url=url) as running:
            running.pay(a_session(running, "signed")["url"])
            event = received.get(timeout=5)
            stripe.Webhook.construct_event(
                event["_body"], event["_signature"], running.settings["webhook_secret"]
            )
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.Webhook.construct_event(event["_body"], event["_signature"], "whsec_other")

    def test_come_in_copies_backwards_or_not_at_all(self, inbox: Any, tmp_path: Path) -> None:
        url, received, _ = inbox
        with RunningSimulator(tmp_path, webhook_url=url) as running:
            running.control(event_copies=3)
            running.pay(a_session(running, "copies")["url"])
            kinds = [received.get(timeout=5)["type"] for _ in range(9)]
            assert sorted(kinds) == sorted(
                3 * ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
            )
            running.reset()
            running.control(reverse_events=True)
            running.pay(a_session(running, "backwards")["url"])
            kinds = [received.get(timeout=5)["type"] for _ in range(3)]
            assert kinds == ["checkout.session.completed", "payment_intent.succeeded", "charge.succeeded"]
            running.reset()
            running.control(lose_events=True)
            running.pay(a_session(running, "lost")["url"])
            with pytest.raises(queue.Empty):
                received.get(timeout=0.5)
            lost = running.events("lost")[-1]
            assert lost["copies"] == [{"tries": 0, "answer": "lost on purpose", "is_due": False}]
            running.send_again(lost["id"])
            assert received.get(timeout=5)["id"] == lost["id"]

    def test_come_again_until_they_are_taken(self, inbox: Any, tmp_path: Path) -> None:
        url, received, answers = inbox
        with RunningSimulator(tmp_path, webhook_url=url) as running:
            answers += [500]
            session = a_session(running, "again")
            running.tell("POST", "expire", {"session": session["id"]})
            first, second = received.get(timeout=5), received.get(timeout=5)
            assert first["id"] == second["id"]
            running.wait_until_sent("again")
            assert running.events("again")[0]["copies"] == [{"tries": 2, "answer": "200", "is_due": False}]


class TestForms:
    def test_are_read_as_stripe_writes_them(self) -> None:
        read = forms.read("a=1&b[c]=2&b[d][0][e]=3&b[d][1][e]=4&expand[0]=x&metadata[re-f]=%26")
        assert read == {
            "a": "1",
            "b": {"c": "2", "d": [{"e": "3"}, {"e": "4"}]},
            "expand": ["x"],
            "metadata": {"re-f": "&"},
        }

    @pytest.mark.parametrize("wrong", ["a b=1", "[a]=1", "a[=1", "a=1&a[b]=2"])
    def test_that_are_none_are_refused(self, wrong: str) -> None:
        with pytest.raises(StripeSays):
            forms.read(wrong)


def _intent_of(simulator: RunningSimulator, reference: str) -> str:
    for intent in simulator.ask("GET", "/v1/payment_intents?limit=100")["data"]:
        if intent["metadata"].get("reference") == reference:
            return str(intent["id"])
    raise KeyError(reference)


def _objects(shown: Any) -> Iterator[tuple[str, str]]:
    """Kind and field of all objects within."""
    if isinstance(shown, list):
        for each in shown:
            yield from _objects(each)
    elif isinstance(shown, dict):
        for name, value in shown.items():
            if isinstance(shown.get("object"), str):
                yield shown["object"], name
            yield from _objects(value)


def fields_of(kind: Any) -> set[str]:
    return set(kind.__annotations__) | set(getattr(kind, "_inner_class_types", {}))
