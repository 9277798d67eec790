"""Named refusals: every way in which Warchest says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class UnableTo(Exception):
    """A final, named refusal that a caller can act on and that left nothing half done.

    ``reason`` is the stable code that the HTTP API shows and that selects the translated text; ``details`` are the
    plain values (text, whole numbers, true or false) that the text may mention. Subclasses name the operation that
    was refused and list their reasons, so that a contract shows every possible refusal on one page.
    """

    reasons: ClassVar[frozenset[str]] = frozenset()
    passing: ClassVar[frozenset[str]] = frozenset()
    """Those of the reasons that lie with the house and may soon be gone: never kept as the answer to a key."""
    replayed = False
    """Whether this is the stored answer to an earlier call under the same key."""
    _by_name: ClassVar[dict[str, type[UnableTo]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        UnableTo._by_name[cls.__name__] = cls

    @classmethod
    def again(cls, name: str, reason: str, details: Mapping[str, str | int | bool | None]) -> UnableTo:
        """A stored refusal, raised anew as what it was; as a plain ``UnableTo`` where its class is no longer known."""
        refusal = UnableTo(reason, **details)
        refusal.__class__ = UnableTo._by_name.get(name, UnableTo)
        refusal.replayed = True
        return refusal

    def __init__(self, reason: str, **details: str | int | bool | None) -> None:
        if self.reasons and reason not in self.reasons:
            raise ValueError(f"{type(self).__name__} has no reason {reason!r}")
        self.reason = reason
        self.details = details
        super().__init__(reason)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.reason} ({values})" if values else self.reason


class TryAgain(Exception):
    """A passing failure: nothing was done, and the same call with the same key may succeed later.

    Except for ``transaction_pending``: there it may be decided already, and is only not yet true everywhere; the same key
    answers with the end. So nobody concludes from it that nothing was done, or asks again under another key.

    Never stored as the answer to a key. ``retry_after_s`` is how many seconds the caller had better wait.
    """

    def __init__(self, reason: str, *, retry_after_s: int = 1, **details: str | int | bool | None) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.details = details
        super().__init__(reason)
