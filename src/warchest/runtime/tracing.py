"""Traces: what one request did in every process that had a part in it, told to a receiver of OpenTelemetry's protocol.

    with tracing.span("GET /wallet", kind="server", told={"http.route": "/wallet"}) as span:
        ...
    tracing.inject(headers)                       # before a message leaves this process
    carried = tracing.extract(message.headers)    # where it arrives
    with tracing.span("cards.card", kind="server", carried=carried): ...

Off unless an address is configured, and then nothing is made: no span, no thread, no import; ``span`` answers one object
that does nothing. A span says what kind of thing was done and how it ended, never with which values: routes instead of
addresses, statements without parameters, errors by their class, since an error's text may quote what somebody typed.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from warchest.kernel.errors import UnableTo

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Span, SpanContext, Tracer

    from warchest.runtime.configuration import Telemetry

S = TypeVar("S")

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Told = Mapping[str, str | int | float | bool]

TRACEPARENT = "traceparent"
"""The header that carries a trace from process to process (W3C Trace Context); HTTP and NATS write it alike."""

STATEMENT_LENGTH_MAX = 2000
_RECEIVER_S_MAX = 3.0
"""So long a receiver may take, repeats included: at its end a process waits for it once."""
LOCAL = "local"
PULSE, WORKED, STATEMENT = "warchest.pulse", "warchest.worked", "db.query.text"

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NOTHING: AbstractContextManager[None] = nullcontext()

_tracer: Tracer | None = None
_provider: TracerProvider | None = None
_sampled = 1.0


def configure(telemetry: Telemetry, *, process: str, cluster: str) -> None:
    """Begin to tell of this process, where there is somebody to tell.

    ``process`` is its kind: portal, backoffice, worker, services. The receiver's address comes from the configuration, or
    from OTEL_EXPORTER_OTLP_ENDPOINT, the name that every tool knows. Calling it again changes nothing.
    """
    global _tracer, _provider, _sampled
    from_environment = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    if _tracer is not None or not (telemetry.otlp or any(os.environ.get(name) for name in from_environment)):
        return
    from multiprocessing.util import Finalize

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    from warchest.runtime.idle_pulses import IdlePulses

    _sampled = telemetry.sampled
    _provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(telemetry.sampled),
        resource=Resource.create(
            {
                "service.name": f"warchest-{process}",
                "service.version": version("warchest"),
                "service.namespace": cluster,
                "service.instance.id": f"{os.uname().nodename}:{os.getpid()}",
            }
        ),
    )
    address = f"{telemetry.otlp.rstrip('/')}/v1/traces" if telemetry.otlp else None
    timeout_s = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else _RECEIVER_S_MAX
    exporter = OTLPSpanExporter(endpoint=address, timeout=timeout_s)
    _provider.add_span_processor(IdlePulses(BatchSpanProcessor(exporter)))
    _tracer = _provider.get_tracer("warchest", version("warchest"))
    # The SDK tells the rest at Python's own end; a process of granian's ends without, as multiprocessing has it.
    Finalize(None, finish, exitpriority=1)
    _watch_databases()


def is_on() -> bool:
    """Whether anybody is told. For what costs something to be prepared: ``span`` asks by itself."""
    return _tracer is not None


def finish() -> None:
    """Send what has not been sent yet. For the end of a process that ends in a way of its own."""
    if _provider is not None:
        _provider.force_flush(timeout_millis=5000)


def span(
    name: str,
    *,
    kind: Kind = "internal",
    told: Told | None = None,
    carried: Context | None = None,
    links: Sequence[Link] = (),
) -> AbstractContextManager[Span | None]:
    """What is done in the ``with`` block, as a part of what is done around it, or of the trace that was ``carried`` here.

    ``name`` is one of few, never made of ids. An error that passes through is told by its class, and goes on.
    """
    return _NOTHING if _tracer is None else _span(_tracer, name, kind, told, carried, links)


@contextmanager
def _span(
    tracer: Tracer, name: str, kind: Kind, told: Told | None, carried: Context | None, links: Sequence[Link]
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind

    with tracer.start_as_current_span(
        name,
        context=carried,
        kind=SpanKind[kind.upper()],
        attributes=told,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        try:
            yield begun
        except UnableTo:
            # An answer, not a failure.
            raise
        except BaseException as error:
            failed(begun, type(error).__name__)
            raise


def failed(begun: Span | None, error: str) -> None:
    """Mark a span as failed; ``error`` is a class's name or a code, never a text."""
    if begun is not None:
        from opentelemetry.trace import Status, StatusCode

        begun.set_attribute("error.type", error)
        begun.set_status(Status(StatusCode.ERROR))


def tell(begun: Span | None, told: Told) -> None:
    """Add to a span what is known only now."""
    if begun is not None:
        begun.set_attributes(told)


# From process to process.


def inject(headers: MutableMapping[str, str]) -> None:
    """Have a message carry this trace along; nothing where there is none."""
    if _tracer is None:
        return
    found = _here()
    if found is not None:
        headers[TRACEPARENT] = f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


def extract(headers: Mapping[str, str] | None, *, trusted: bool = True) -> Context | None:
    """The trace that a message carries, for ``span(carried=…)``; None where it carries none that makes sense.

    From the world outside (``trusted=False``) we take the trace's number, and decide ourselves whether it is told: else
    anybody could have us tell everything.
    """
    if _tracer is None or not headers:
        return None
    found = _TRACEPARENT.fullmatch(headers.get(TRACEPARENT) or "")
    if not found:
        return None
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    trace, parent, flags = (int(part, 16) for part in found.groups())
    if not trusted and trace & TraceIdRatioBased.TRACE_ID_LIMIT >= TraceIdRatioBased.get_bound_for_rate(
        _sampled
    ):
        flags &= ~TraceFlags.SAMPLED
    origin = SpanContext(trace, parent, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    # A context that is empty but for this: what is at work in the thread that takes the message in, is not its cause.
    return set_span_in_context(NonRecordingSpan(origin), Context()) if origin.is_valid else None


def link(headers: Mapping[str, str] | None) -> Sequence[Link]:
    """What a message carries, as a link: for what is done later, on its own account, because of it."""
    carried = extract(headers)
    if carried is None:
        return ()
    from opentelemetry.trace import Link, get_current_span

    return (Link(get_current_span(carried).get_span_context()),)


def here() -> SpanContext | None:
    """What is told of here, for a link from what is done because of it by another thread."""
    return None if _tracer is None else _here()


def links(causes: Sequence[SpanContext]) -> Sequence[Link]:
    """Links to what was told ``here`` elsewhere, less what is above us anyway."""
    if not causes:
        return ()
    from opentelemetry.trace import Link

    above = _here()
    return tuple(Link(cause) for cause in causes if above is None or cause.span_id != above.span_id)


def trace_id() -> str:
    """The number of the trace at work here, as log lines say it; empty where there is none."""
    if _tracer is None:
        return ""
    found = _here()
    return f"{found.trace_id:032x}" if found is not None else ""


def _here() -> Any:
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    return context if context.is_valid else None


# What services are asked here.


def told_as(service: str, implementation: S) -> S:
    """The implementation, each of its calls a span; itself where nobody is told, so that it costs nothing."""
    return implementation if _tracer is None else cast(S, _ToldService(service, implementation))


class _ToldService:
    def __init__(self, service: str, implementation: object) -> None:
        self._service = service
        self._implementation = implementation

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._implementation, name)
        if not callable(found):
            return found
        title = f"{self._service}.{name}"
        said = {"rpc.system": LOCAL, "rpc.service": self._service, "rpc.method": name}

        @functools.wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            if _here() is None:
                # A probe, a start: not a part of what anybody asked for.
                return found(*args, **kwargs)
            with span(title, told=said):
                return found(*args, **kwargs)

        # Looked up once.
        setattr(self, name, call)
        return call


# What SQL runs.

_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|TABLE)\s+"?([a-z]\w*)')
_FUNCTION = re.compile(r"^SELECT\s+([a-z]\w*)\(")


def _watch_databases() -> None:
    from django.db.backends.signals import connection_created

    connection_created.connect(_watch_database, dispatch_uid="warchest.tracing")


def _watch_database(connection: Any, **_: Any) -> None:
    if _statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement)


def _statement(
    execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: Mapping[str, Any]
) -> Any:
    """Tell of a statement within what is told already: its text, in which every value is a ``%s``."""
    from opentelemetry.trace import get_current_span

    if not get_current_span().is_recording():
        return execute(sql, parameters, many, context)
    # What is composed with values in it is not a text to be told.
    text = " ".join(sql.split()) if isinstance(sql, str) else ""
    database = context["connection"]
    told = {
        "db.system.name": "postgresql",
        "db.namespace": str(database.settings_dict["NAME"]),
        STATEMENT: text[:STATEMENT_LENGTH_MAX],
        "warchest.database": database.alias,
    }
    with span(_named(text), kind="client", told=told):
        return execute(sql, parameters, many, context)


def _named(text: str) -> str:
    """``SELECT runtime_claim``, ``UPDATE cards_card``: the verb, and the first table or function that is named."""
    verb = text.partition(" ")[0].upper() or "SQL"
    target = _TABLE.search(text) or _FUNCTION.search(text)
    return f"{verb} {target[1]}" if target else verb


# What time itself asks for.


def pulse(name: str) -> AbstractContextManager[Span | None]:
    """One run of a pulse. Told only where it did more than look whether there is something to do."""
    if _tracer is None:
        return _NOTHING
    from opentelemetry.context import Context

    return span(f"pulse {name}", told={PULSE: name}, carried=Context())


def worked(begun: Span | None) -> None:
    """Say of a pulse's run that it did something."""
    tell(begun, {WORKED: True})
