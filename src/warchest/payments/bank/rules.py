"""Whose money an entry is, as far as its own words say; and which payments it might have been meant for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from warchest.sdk.bank import compact, creditor_references_in, is_creditor_reference

ALIKE_CHARACTERS_MAX = 3
"""So many characters of a reference may differ for it to be suggested."""


def references(*, creditor_reference: str, end_to_end_id: str, text: str) -> tuple[str, ...]:
    """The right references in an entry: in the field made for them, else in what the payer wrote anywhere else."""
    if is_creditor_reference(creditor_reference):
        return (creditor_reference,)
    return tuple(
        dict.fromkeys(
            reference
            for told in (creditor_reference, end_to_end_id, text)
            for reference in creditor_references_in(told)
        )
    )


def differing(reference: str, *, written: Sequence[str]) -> int:
    """How many characters, at least, somebody got wrong who meant this reference: a wrong one, one left out or added, or
    two neighbours swapped count one. More than ``ALIKE_CHARACTERS_MAX`` are told as one more than that."""
    least = ALIKE_CHARACTERS_MAX + 1
    for text in map(compact, written):
        for start in range(max(1, len(text) - len(reference) + ALIKE_CHARACTERS_MAX + 1)):
            # Where the reference may begin in a longer text; a shorter text is taken as it is.
            piece = text[start : start + len(reference)]
            if abs(len(piece) - len(reference)) > ALIKE_CHARACTERS_MAX:
                continue
            least = min(least, _distance(reference, piece))
    return least


def _distance(one: str, other: str) -> int:
    """The optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, symbol in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, against in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (symbol != against))
            if i > 1 and j > 1 and symbol == other[j - 2] and one[i - 2] == against:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
