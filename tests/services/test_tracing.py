"""What is told of a request, in a process of its own each: once on, traces stay on for a process's life."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

_BEGIN = """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from warchest.runtime import observed, tracing
from warchest.runtime.configuration import Telemetry
from warchest.runtime.idle_pulses import IdlePulses

memory = InMemorySpanExporter()

def begin(sampled=1.0):
    tracing.configure(Telemetry(otlp="http://127.0.0.1:9", sampled=sampled), process="test", cluster="main")
    inner = tracing._provider._active_span_processor
    for each in inner._span_processors:
        each.shutdown()
    inner._span_processors = (IdlePulses(SimpleSpanProcessor(memory)),)

def told():
    found = memory.get_finished_spans()
    memory.clear()
    return found

def names():
    return [one.name for one in told()]
"""


def run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_trace_goes_on_where_its_headers_arrive() -> None:
    run("""
        begin()
        headers = {}
        with tracing.span("asks", kind="client"):
            tracing.inject(headers)
            number = tracing.trace_id()
        assert set(headers) == {"traceparent"}
        with tracing.span("answers", kind="server", carried=tracing.extract(headers)):
            assert tracing.trace_id() == number
        asks, answers = told()
        assert answers.parent.span_id == asks.context.span_id and answers.parent.is_remote
    """)


@pytest.mark.parametrize(
    "brought",
    [
        "",
        "nonsense",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what\\r\\nX: y",
    ],
)
def test_what_makes_no_sense_begins_a_trace_of_our_own(brought: str) -> None:
    run(f"""
        begin()
        headers = {{"traceparent": "{brought}"}}
        assert tracing.extract(headers) is None
        assert tracing.link(headers) == ()
        with tracing.span("answers", carried=tracing.extract(headers)):
            pass
        assert told()[0].parent is None
    """)


def test_who_is_not_of_the_house_cannot_have_everything_told() -> None:
    run("""
        begin(sampled=0.0)
        brought = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        with tracing.span("from the world", carried=tracing.extract(brought, trusted=False)):
            assert tracing.trace_id() == "0af7651916cd43dd8448eb211c80319c"
        assert names() == []
        with tracing.span("from our own", carried=tracing.extract(brought)):
            pass
        assert names() == ["from our own"]
        with tracing.span("begun here"):
            pass
        assert names() == []
    """)


def test_an_error_is_told_by_its_class_and_a_refusal_is_none() -> None:
    run("""
        import contextlib
        from warchest.kernel.errors import UnableTo
        begin()
        with contextlib.suppress(ValueError), tracing.span("fails"):
            raise ValueError("card 4242 4242 4242 4242")
        with contextlib.suppress(UnableTo), tracing.span("refuses"):
            raise UnableTo("insufficient_funds", missing="5 XCR")
        fails, refuses = told()
        assert not fails.status.is_ok and fails.attributes["error.type"] == "ValueError"
        assert not fails.events and fails.status.description is None
        assert refuses.status.is_unset and "4242" not in fails.to_json()
    """)


def test_a_pulse_is_told_when_it_did_something() -> None:
    run("""
        import contextlib
        begin()
        looks = {"db.query.text": "SELECT 1"}

        def idle():
            with tracing.span("SELECT x", told=looks): pass
            return 0

        def busy():
            idle()
            with tracing.span("journey x"): pass

        def broken():
            raise ValueError

        observed.pulse("idle", idle)
        assert names() == []
        observed.pulse("counting", lambda: idle() or 3)
        assert names() == ["SELECT x", "pulse counting"]
        observed.pulse("busy", busy)
        assert names() == ["SELECT x", "journey x", "pulse busy"]
        with contextlib.suppress(ValueError):
            observed.pulse("broken", broken)
        assert names() == ["pulse broken"]
        observed.pulse("long", lambda: [idle() for _ in range(500)] and None)
        assert len(names()) > 400
        # Nothing is kept back of a pulse that is over.
        assert not tracing._provider._active_span_processor._span_processors[0]._kept
    """)


def test_a_set_is_linked_with_the_traces_of_all_whose_cases_it_holds() -> None:
    run("""
        import threading
        from datetime import UTC, datetime
        from warchest.runtime.batcher import Batcher
        from warchest.runtime.command import Actor, ActorKind, Channel, Command
        begin()
        first_begun, go_on = threading.Event(), threading.Event()

        def do_all(commands):
            with observed.Journey("x.y", commands, what="set") as run:
                first_begun.set()
                go_on.wait(10)
                run.ended([None for _ in commands])
            return [None for _ in commands]

        batcher = Batcher(do_all, lanes=1)

        def ask(number):
            command = Command(actor=Actor(ActorKind.JOB, "x"), key=f"k{number}", at=datetime.now(UTC), channel=Channel.JOB)
            with tracing.span(f"request {number}", kind="server"), observed.one_of_many("x.y", command):
                batcher.do([command])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
        threads[0].start()
        assert first_begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        while len(batcher._waiting) < 2:
            pass
        go_on.set()
        for thread in threads:
            thread.join()
        spans = told()
        together = next(one for one in spans if one.name == "set x.y" and one.attributes["warchest.cases"] == 2)
        requests = {one.context.trace_id for one in spans if one.name.startswith("request") and one.name != "request 0"}
        assert {together.context.trace_id} | {link.context.trace_id for link in together.links} == requests
        assert len(together.links) == 1
        assert not observed._waiting
    """)


def test_statements_are_named_by_what_they_do_and_where() -> None:
    from warchest.runtime.tracing import _named

    assert _named("SELECT stamps FROM runtime_claim(%s)") == "SELECT runtime_claim"
    assert _named("SELECT charging_take(%s, %s)") == "SELECT charging_take"
    assert _named("SELECT count(*) FROM ledger_book") == "SELECT ledger_book"
    assert _named('UPDATE "cards_card" SET "state" = %s') == "UPDATE cards_card"
    assert _named('INSERT INTO "a_b" ("c") VALUES (%s)') == "INSERT a_b"
    assert _named("DELETE FROM runtime_x WHERE ctid = ANY(%s)") == "DELETE runtime_x"
    assert _named("SAVEPOINT s1") == "SAVEPOINT"
    assert _named("") == "SQL"
