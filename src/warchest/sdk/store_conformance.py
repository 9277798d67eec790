"""Whether a store's plug-in keeps its contract, tried with pretended calls of each dialect that it speaks.

The kit plays Warchest; it needs no database and no network. A plug-in's distribution brings a ``StoreRig``, which plays the
store, and names it under an entry point of the plug-in's name::

    [project.entry-points."warchest.store_conformance"]
    softkey = "warchest_softkey.rig:SoftkeyRig"

Then ``warchest plugin test softkey`` tries every step with every dialect. What a dialect cannot have is a skip that the rig
names with its reason.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any, ClassVar, Protocol

import msgspec

from warchest.sdk.conformance.session import Outcome as Verdict
from warchest.sdk.conformance.session import Result, UnableToTry
from warchest.sdk.conformance.step import Nonconformity, expect
from warchest.sdk.stores import Asked, CallRead, Outcome, RawCall, Reply, Store, UnableToTrustCall

STORES = "warchest.stores"
RIGS = "warchest.store_conformance"
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
_CODES = ("ABCD-EFGH-JKMN-PQRS", "TVWX-YZ01-2345-6789")


class StoreRig(Protocol):
    """Plays the store. Derive from it; the kit builds it without arguments."""

    store: ClassVar[str]
    """The name of the plug-in's entry point."""
    dialects: ClassVar[Sequence[str]]
    skips: ClassVar[Mapping[tuple[str, str], str]] = {}
    """By dialect and step, each with its reason, a sentence for people."""

    def settings(self, dialect: str, **changes: Any) -> Mapping[str, Any]:
        """The fields of the plug-in's settings; with ``secret`` another one, or ``previous_secret`` one that was before."""
        ...

    def call(
        self,
        dialect: str,
        asked: Asked,
        *,
        secret: str = "",
        order: str = "A-1",
        line: str = "1",
        product: str = "credits-10",
        quantity: int = 1,
    ) -> RawCall:
        """A call, rightly signed with the secret of ``settings``, or with another one."""
        ...

    def unsigned(self, dialect: str, call: RawCall) -> RawCall:
        """The call without its signature, or without the shared secret."""
        ...

    def changed(self, dialect: str, call: RawCall) -> RawCall:
        """The call with something in it changed that the signature covers."""
        ...

    def with_event(self, dialect: str, event: str) -> RawCall:
        """A call about an event that nobody told of, rightly signed."""
        ...

    def codes(self, dialect: str, reply: Reply) -> Sequence[str]:
        """The codes that the store reads in an answer; none where it was refused."""
        ...

    def is_signed(self, dialect: str, reply: Reply) -> bool:
        """Whether the answer has the right signature of ours."""
        ...


class Trial:
    def __init__(self, rig: StoreRig, factory: Any, dialect: str) -> None:
        self.rig = rig
        self.dialect = dialect
        self._factory = factory
        self.store = self.build()

    def build(self, **changes: Any) -> Store:
        try:
            settings = msgspec.convert(
                dict(self.rig.settings(self.dialect, **changes)), self._factory.settings_type
            )
        except msgspec.ValidationError as error:
            raise Nonconformity(f"the rig's settings are none of the plug-in's: {error}") from None
        store: Store = self._factory(settings)
        return store

    def call(self, asked: Asked = Asked.CODE, **told: Any) -> RawCall:
        return self.rig.call(self.dialect, asked, **told)

    def refused(self, call: RawCall, what: str, reason: str = "") -> None:
        try:
            read = self.store.read(call)
        except UnableToTrustCall as refusal:
            expect(not reason or refusal.reason == reason, f"{what} is refused as {refusal.reason}")
            return
        raise Nonconformity(f"{what} is believed, and read as {read}")


Try = Callable[[Trial], None]
STEPS: dict[str, tuple[str, Try]] = {}


def _step(function: Try) -> Try:
    about = (function.__doc__ or "").strip().partition("\n")[0]
    STEPS[function.__name__] = (about, function)
    return function


@_step
def sale_is_read(trial: Trial) -> None:
    """A sale tells its order, line, product and quantity, the same each time."""
    call = trial.call(order="Ä/1 & 2", line="7", product="credits-10", quantity=3)
    read = trial.store.read(call)
    expect(read == CallRead(Asked.CODE, "Ä/1 & 2", "7", "credits-10", 3), f"the sale is read as {read}")
    expect(trial.store.read(call) == read == trial.build().read(call), "read again, it says something else")


@_step
def wrong_secret_is_refused(trial: Trial) -> None:
    """A call that was signed with another secret is not believed."""
    other = trial.call(secret="quite another secret than ours")
    trial.refused(other, "a call with another secret", "store_signature_wrong")


@_step
def missing_signature_is_refused(trial: Trial) -> None:
    """A call without a signature or secret is not believed."""
    trial.refused(
        trial.rig.unsigned(trial.dialect, trial.call()), "a call without a signature", "store_signature_wrong"
    )


@_step
def changed_call_is_refused(trial: Trial) -> None:
    """A call that was changed on its way is not believed."""
    trial.refused(
        trial.rig.changed(trial.dialect, trial.call()), "a call that was changed", "store_signature_wrong"
    )


@_step
def previous_secret_is_believed(trial: Trial) -> None:
    """While the secret is changed, both are believed; afterwards the old one is not."""
    before = "the secret that was before this one"
    call = trial.call(secret=before)
    read = trial.build(previous_secret=before).read(call)
    expect(read.asked is Asked.CODE, f"the call with the previous secret is read as {read}")
    trial.refused(call, "a call with a secret that is no longer ours", "store_signature_wrong")


@_step
def cancelled_order_is_read(trial: Trial) -> None:
    """That an order was cancelled is told, with its name."""
    read = trial.store.read(trial.call(Asked.CANCEL, line="", product=""))
    expect((read.asked, read.order) == (Asked.CANCEL, "A-1"), f"the cancelled order is read as {read}")


@_step
def unknown_event_asks_nothing(trial: Trial) -> None:
    """An event that nobody has heard of neither sells nor cancels."""
    read = trial.store.read(trial.rig.with_event(trial.dialect, "something_new"))
    expect(read.asked is Asked.NOTHING, f"an unheard-of event is read as {read.asked}")


@_step
def quantities_out_of_range_are_refused(trial: Trial) -> None:
    """Nought, less, and more than anybody buys are refused; nothing is guessed."""
    for quantity in (0, -1, 51, 10**9):
        trial.refused(trial.call(quantity=quantity), f"a quantity of {quantity}", "store_call_malformed")


@_step
def nameless_sales_are_refused(trial: Trial) -> None:
    """A sale without an order or a product is refused, and so are names without end."""
    trial.refused(trial.call(order=""), "a sale of no order", "store_call_malformed")
    trial.refused(trial.call(product=""), "a sale of no product", "store_call_malformed")
    trial.refused(trial.call(order="x" * 101), "an order's name of 101 characters", "store_call_malformed")


@_step
def nonsense_is_refused(trial: Trial) -> None:
    """Whatever comes is read or refused, and nothing else happens."""
    chance = random.Random(11)
    right = trial.call()
    for _ in range(300):
        wrong_body, wrong_query = bytearray(right.body), bytearray(right.query.encode())
        for text in filter(None, (wrong_body, wrong_query)):
            for _ in range(chance.randint(1, 5)):
                text[chance.randrange(len(text))] = chance.randrange(256)
        damaged = replace(right, body=bytes(wrong_body), query=bytes(wrong_query).decode("latin-1"))
        try:
            read = trial.store.read(damaged)
        except UnableToTrustCall:
            continue
        is_covered = (trial.dialect, "changed_call_is_refused") not in trial.rig.skips
        expect(read.order == "A-1" or not is_covered, f"a damaged call is read as {read}")
    for body in (b"", b"\x00\xff", b"[" * 20_000, b"{}", b"a=1&a=2", b"null"):
        trial.refused(replace(right, body=body, query=body.decode("latin-1")[:100]), f"{body[:10]!r}")


@_step
def answer_holds_the_codes(trial: Trial) -> None:
    """The store reads all codes in the answer, in their order."""
    read = trial.store.read(trial.call(quantity=2))
    reply = trial.store.reply(read, Outcome(codes=_CODES))
    expect(reply.status == 200, f"codes are answered with {reply.status}")
    found = tuple(trial.rig.codes(trial.dialect, reply))
    expect(found == _CODES, f"the store reads {len(found)} codes that are not those")


@_step
def refusal_is_no_code(trial: Trial) -> None:
    """What was refused is never taken for a code; what may succeed later is answered so that the store asks again."""
    read = trial.store.read(trial.call())
    final = trial.store.reply(read, Outcome(refused="order_line_differs"))
    passing = trial.store.reply(read, Outcome(refused="stock_empty", passing=True))
    expect(400 <= final.status < 500, f"a final refusal is answered with {final.status}")
    expect(passing.status >= 500, f"a passing refusal is answered with {passing.status}")
    for reply in (final, passing):
        expect(not trial.rig.codes(trial.dialect, reply), "the store reads a code in a refusal")


@_step
def answer_is_signed(trial: Trial) -> None:
    """The answer has our signature, so that the store knows whose code it is."""
    read = trial.store.read(trial.call())
    reply = trial.store.reply(read, Outcome(codes=_CODES[:1]))
    expect(trial.rig.is_signed(trial.dialect, reply), "the answer is not signed, or wrongly")


@_step
def nothing_tells_a_secret(trial: Trial) -> None:
    """No secret is in what is shown of settings, in descriptions, in answers, or in what is read."""
    secret = str(trial.rig.settings(trial.dialect)["secret"])
    settings = msgspec.convert(
        dict(trial.rig.settings(trial.dialect)),
        trial._factory.settings_type,
    )
    read = trial.store.read(trial.call())
    reply = trial.store.reply(read, Outcome(codes=_CODES[:1]))
    for what, text in (
        ("the settings", repr(settings)),
        ("the description", repr(trial.store.description)),
        ("what was read", repr(read)),
        ("the answer", repr(reply)),
        ("the outcome", repr(Outcome(codes=(secret,)))),
    ):
        expect(secret not in text, f"{what} shows the secret")


def installed(name: str) -> tuple[StoreRig, Any]:
    """The rig of a store's plug-in, and its factory. Raises UnableToTry."""
    found = [*entry_points(group=STORES, name=name)]
    if len(found) != 1:
        raise UnableToTry("plugin_ambiguous" if found else "plugin_unknown")
    rigs = [*entry_points(group=RIGS, name=name)]
    if not rigs:
        raise UnableToTry("rig_missing")
    try:
        return rigs[0].load()(), found[0].load()
    except Exception as error:
        raise UnableToTry("plugin_does_not_load", why=f"{type(error).__name__}: {error}") from error


def tried(rig: StoreRig, factory: Any, *, only: Sequence[str] = ()) -> Iterator[Result]:
    """Every step with every dialect; ``only`` names steps. Raises UnableToTry (``step_unknown``)."""
    unknown = set(only) - STEPS.keys()
    if unknown:
        raise UnableToTry("step_unknown", steps=", ".join(sorted(unknown)))
    known = {(dialect, step) for dialect in rig.dialects for step in STEPS}
    for dialect, step in sorted(set(rig.skips) - known):
        detail = "the rig skips a step that there is not"
        yield Result(f"{dialect}.{step}", "Every skip names a step.", Verdict.FAILED, detail)
    for dialect in rig.dialects:
        for name in STEPS:
            if not only or name in only:
                yield run(rig, factory, dialect=dialect, step=name)


def run(rig: StoreRig, factory: Any, *, dialect: str, step: str) -> Result:
    about, function = STEPS[step]
    began = time.monotonic()
    verdict, detail = _try(rig, factory, dialect, step, function)
    return Result(f"{dialect}.{step}", about, verdict, detail, time.monotonic() - began)


def _try(rig: StoreRig, factory: Any, dialect: str, step: str, function: Try) -> tuple[Verdict, str]:
    reason = rig.skips.get((dialect, step))
    if reason is not None:
        told = reason.strip()
        return (Verdict.SKIPPED, told) if told else (Verdict.FAILED, "the rig skips it without a reason")
    try:
        function(Trial(rig, factory, dialect))
    except Nonconformity as nonconformity:
        return Verdict.FAILED, str(nonconformity)
    except Exception as error:
        return Verdict.FAILED, f"{type(error).__name__}: {error}"
    return Verdict.PASSED, ""


@dataclass(frozen=True, slots=True)
class TriedStep:
    """For pytest: one step with one dialect."""

    dialect: str
    step: str

    def __str__(self) -> str:
        return f"{self.dialect}.{self.step}"


def all_steps(rig: StoreRig) -> list[TriedStep]:
    return [TriedStep(dialect, step) for dialect in rig.dialects for step in STEPS]
