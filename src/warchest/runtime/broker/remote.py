"""Stubs: objects with a contract's methods, which call whoever hosts the service.

What surely was not delivered is tried again with the same arguments until somebody takes it or patience ends; so is what was
sent and heard of no more, since a contract's writes are the same done twice as done once. Those few that are not are marked
``at_most_once``, and their caller is told to try again instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from warchest.kernel.errors import TryAgain
from warchest.runtime import observed
from warchest.runtime.broker import carried, failures, methods
from warchest.runtime.broker.client import Link, Silent, Unreachable
from warchest.runtime.broker.failures import CODE_HEADER, Misunderstood, RemoteFailure
from warchest.runtime.broker.methods import REQUEST_BYTES_MAX, Method, methods_of
from warchest.runtime.services import open_work, services

S = TypeVar("S")

SILENCE_S = 3.0
"""Who has a call says so twice a second; one that says nothing for so long is frozen, dead, or cut off."""

PATIENCE_S = 8.0
"""So long a call is tried again: a server that restarts, or a single instance, is back by then."""

_PAUSE_S_MIN, _PAUSE_S_MAX = 0.02, 0.25


def stub(contract: type[S], *, name: str, cluster: str, link: Callable[[], Link]) -> S:
    """What keeps the contract by calling an instance of this service in this cluster.

    Its methods raise what the service refuses, TryAgain (``service_unavailable``) where nobody answers, and RemoteFailure
    where the service fails. Called in a business transaction they raise RuntimeError: what runs there could not be undone.
    """
    calls = {
        each: _calling(contract, method, name=name, cluster=cluster, link=link)
        for each, method in methods_of(cast(type, contract)).items()
    }
    kind = type(f"Remote{contract.__name__}", (), {"__slots__": (), **calls})
    return cast(S, kind())


def _calling(
    contract: type, method: Method, *, name: str, cluster: str, link: Callable[[], Link]
) -> Callable[..., Any]:
    called = f"{name}.{method.name}"
    if method.arguments is None or method.answer is None:
        return _staying(contract, method, called=called, cluster=cluster)
    arguments, answer, parameters = method.arguments, method.answer, method.parameters
    subject = methods.subject(cluster=cluster, service=name, method=method.name)

    def call(_self: object, *given: Any, **named: Any) -> Any:
        if open_work.get() is not None:
            raise RuntimeError(f"{called} cannot be called from afar within a business transaction")
        if given:
            named = dict(zip(parameters, given, strict=False)) | named
        if unknown := named.keys() - set(parameters):
            raise TypeError(f"{called} has no {', '.join(sorted(unknown))}")
        data = arguments.encode(named)
        if len(data) > REQUEST_BYTES_MAX:
            raise ValueError(f"{called}: a request of {len(data)} bytes is too long to be sent")
        headers = carried.carried_headers()
        with observed.asking(name, method.name, headers=headers):
            return answer.decode(_ask(link, subject, data, headers, called, repeats=not method.at_most_once))

    call.__name__ = method.name
    return call


def _ask(
    link: Callable[[], Link],
    subject: str,
    data: bytes,
    headers: dict[str, str],
    called: str,
    *,
    repeats: bool,
) -> bytes:
    until = time.monotonic() + carried.seconds_left()
    patience = min(until, time.monotonic() + PATIENCE_S)
    pause = _PAUSE_S_MIN
    while True:
        left = max(0.0, until - time.monotonic())
        headers[carried.DEADLINE] = str(int(left * 1000))
        error: Exception
        try:
            told = link().call(subject, data, headers, silence_s=SILENCE_S, timeout_s=left)
            if CODE_HEADER not in told.headers:
                return told.data
            error = failures.raised(told.data, called=called)
            if not isinstance(error, Misunderstood):
                raise error
        except Unreachable as unreachable:
            error = unreachable
        except Silent as silent:
            if not repeats:
                raise TryAgain("service_unavailable", service=called) from silent
            error = silent
        if time.monotonic() + pause > patience:
            if isinstance(error, RemoteFailure):
                raise error
            raise TryAgain("service_unavailable", retry_after_s=2, service=called) from error
        time.sleep(pause)
        pause = min(pause * 2, _PAUSE_S_MAX)


def _staying(contract: type, method: Method, *, called: str, cluster: str) -> Callable[..., Any]:
    """What cannot be called from afar runs here, over the service's database."""

    def call(_self: object, *given: Any, **named: Any) -> Any:
        if cluster != services.cluster:
            raise RuntimeError(f"{called} runs only within its own cluster")
        return getattr(services.local(contract), method.name)(*given, **named)

    call.__name__ = method.name
    return call
