"""The plug-in: a journal is a transaction in a file of its own. What is on the disk is in the ledger: there is no inbox."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from warchest.sdk.erp import (
    Ability,
    Answer,
    Description,
    Document,
    ErpError,
    Health,
    Journal,
    JournalLine,
    Outcome,
    Parcel,
    Side,
    UnableToWrite,
)

_ACCOUNT = re.compile(r"(?:Assets|Liabilities|Equity|Income|Expenses)(?::[A-Z0-9][A-Za-z0-9-]*)+", re.ASCII)
_PARCEL = re.compile(r"(?P<document>[a-z]+-[0-9]+)-[0-9]+", re.ASCII)
_NOT_PRINTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_LENGTH_MAX = 200


class BeancountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``folder``: what the ledger includes. ``payee`` stands in each transaction, and ``tag``, where one is given."""

    folder: str
    payee: str = "Warchest"
    tag: str = ""


class Beancount:
    """Implements ``warchest.sdk.erp.ErpExporter``."""

    settings_type: ClassVar[type[BeancountSettings]] = BeancountSettings
    description = Description(
        label="beancount",
        abilities=frozenset({Ability.JOURNALS}),
        account_length_max=_LENGTH_MAX,
    )

    def __init__(self, settings: BeancountSettings) -> None:
        if settings.tag and not re.fullmatch(r"[A-Za-z0-9_/.-]+", settings.tag, re.ASCII):
            raise ValueError(f"{settings.tag!r} is no tag")
        self._folder = Path(settings.folder)
        self._payee, self._tag = settings.payee, settings.tag

    def write(self, document: Document) -> str:
        if not isinstance(document.body, Journal):
            raise UnableToWrite("document_not_supported")
        return "".join(self._lines(document, document.body))

    def _lines(self, document: Document, journal: Journal) -> Iterator[str]:
        tag = f" #{self._tag}" if self._tag else ""
        yield f"; Journal {document.number} of Warchest, batch {document.batch}. Written once, never changed.\n"
        yield f"{document.day} * {_quoted(self._payee)} {_quoted(document.text)}{tag} ^warchest-{document.number}\n"
        yield f'  document-id: "{document.id}"\n'
        for line in journal.lines:
            yield f"  {_account(line)}  {_amount(line)}\n"
            if line.text:
                yield f"    text: {_quoted(line.text)}\n"
            if line.reference:
                yield f"    entry: {_quoted(line.reference)}\n"

    def hand_over(self, parcel: Parcel) -> Answer:
        """The file's name is the document's, whatever attempt it is: so no document can be in the ledger twice."""
        named = _PARCEL.fullmatch(parcel.name)
        if not named:
            raise ValueError(f"{parcel.name!r} is no name of a parcel")
        file = self._folder / f"{named['document']}.beancount"
        self._folder.mkdir(parents=True, exist_ok=True)
        content = parcel.text.encode()
        whole = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        with whole.open("wb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
        try:
            os.link(whole, file)  # unlike a rename it takes no other file's place
        except FileExistsError:
            if file.read_bytes() != content:
                text = f"{file.name} is there with another text"
                return Answer(parcel.name, Outcome.REFUSED, raw=text, errors=(ErpError(text),))
        finally:
            whole.unlink()
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        digest = hashlib.sha256(content).hexdigest()
        return Answer(parcel.name, Outcome.ACCEPTED, raw=f"written as {file.name}", digest=digest)

    def answers(self) -> Sequence[Answer]:
        return ()

    def discard(self, answer: Answer) -> None:
        pass

    def health(self) -> Health:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            trial = self._folder / f".health.{os.getpid()}"
            trial.write_text("")
            trial.unlink()
        except OSError as error:
            return Health(False, f"{type(error).__name__}: {error}"[:300])
        return Health(True, str(self._folder))


def _account(line: JournalLine) -> str:
    if len(line.account) > _LENGTH_MAX:
        raise UnableToWrite("field_too_long", field="account", length_max=_LENGTH_MAX)
    if not _ACCOUNT.fullmatch(line.account):
        raise UnableToWrite("field_malformed", field="account")
    return line.account


def _amount(line: JournalLine) -> str:
    """Debits are positive in beancount, credits negative."""
    if line.amount.minor <= 0:
        raise UnableToWrite("amount_not_sayable", amount=str(line.amount))
    amount = line.amount if line.side is Side.DEBIT else -line.amount
    return f"{amount.major} {amount.currency.code}"


def _quoted(text: str) -> str:
    plain = _NOT_PRINTED.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
