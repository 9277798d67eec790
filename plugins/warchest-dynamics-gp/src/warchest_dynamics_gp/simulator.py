"""GP's side pretended: a program that takes documents from the folder, books them, and answers.

Written from the documented documents and errors. It knows the two documented errors, 7738 and 190; whatever else it
refuses, it says in words of its own, without a number. How the folder works is Warchest's own protocol (``sdk.erp_files``).

It may be killed at any moment: what it has taken lies in ``work`` until it is answered, and what is booked stands in its
state file with the answer, in one commit. A parcel that comes again, byte for byte, hears the same answer again.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from lxml import etree

from warchest_dynamics_gp.errors import DUPLICATE_LINE, DUPLICATE_RECEIPT

_TABLES = """
    CREATE TABLE IF NOT EXISTS parcel (name TEXT, digest TEXT, accepted INTEGER, answer TEXT, PRIMARY KEY (name, digest));
    CREATE TABLE IF NOT EXISTS line (journal INTEGER, sequence INTEGER, batch TEXT, account TEXT, currency TEXT, day TEXT,
                                     debit TEXT, credit TEXT, PRIMARY KEY (journal, sequence));
    CREATE TABLE IF NOT EXISTS receipt (number TEXT PRIMARY KEY, customer TEXT, amount TEXT, day TEXT, kind INTEGER);
    CREATE TABLE IF NOT EXISTS customer (number TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE IF NOT EXISTS control (switches TEXT);"""


@dataclass(frozen=True, slots=True)
class Switches:
    """``accounts``: the only ones there are; empty: all. ``silent``: books, and does not answer. ``loses``: takes parcels and
    forgets them. ``refuses_next``: so many are refused. ``half``: answers are begun and not finished."""

    accounts: tuple[str, ...] = ()
    silent: bool = False
    loses: bool = False
    refuses_next: int = 0
    half: bool = False


class Refused(Exception):
    """The answer's text."""


@dataclass
class Simulator:
    """One GP company behind the folder."""

    folder: Path
    _schema: etree.XMLSchema = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("in", "out", "work", "done"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._schema = schema()
        with self._state() as state:
            state.executescript(_TABLES)

    def work(self) -> int:
        """Take and answer what lies there; answers how many. What an earlier one was killed over comes first. One works at a
        time, as there is one company."""
        with (self.folder / "gp.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._work()

    def _work(self) -> int:
        took = 0
        for parcel in sorted((self.folder / "work").glob("*.xml")):
            self._process(parcel)
            took += 1
        for waiting in sorted((self.folder / "in").glob("*.xml")):
            taken = self.folder / "work" / waiting.name
            waiting.rename(taken)
            self._process(taken)
            took += 1
        return took

    def control(self, **switches: object) -> Switches:
        """Turn switches; those that are not named stay."""
        changed = replace(self.switches(), **switches)  # type: ignore[arg-type]
        with self._state() as state:
            state.execute("DELETE FROM control")
            state.execute("INSERT INTO control VALUES (?)", [json.dumps(asdict(changed))])
        return changed

    def switches(self) -> Switches:
        with self._state() as state:
            row = state.execute("SELECT switches FROM control").fetchone()
        told = json.loads(row[0]) if row else {}
        known = {each.name for each in fields(Switches)}
        told["accounts"] = tuple(told.get("accounts", ()))
        return Switches(**{name: value for name, value in told.items() if name in known})

    def answer_again(self) -> None:
        """Answer all that is booked, as a GP that was silent and came back."""
        with self._state() as state:
            rows = state.execute("SELECT name, accepted, answer FROM parcel").fetchall()
        for name, accepted, answer in rows:
            self._answer(name, bool(accepted), answer)

    def lines(self) -> Sequence[tuple[int, str, str, Decimal, Decimal]]:
        """What is booked: journal, account, currency, debit, credit."""
        with self._state() as state:
            rows = state.execute(
                "SELECT journal, account, currency, debit, credit FROM line ORDER BY journal, sequence"
            ).fetchall()
        return [(row[0], row[1], row[2], Decimal(row[3]), Decimal(row[4])) for row in rows]

    def receipts(self) -> Sequence[tuple[str, str, Decimal]]:
        """Number, customer, amount."""
        with self._state() as state:
            rows = state.execute("SELECT number, customer, amount FROM receipt ORDER BY number").fetchall()
        return [(row[0], row[1], Decimal(row[2])) for row in rows]

    def customers(self) -> dict[str, str]:
        with self._state() as state:
            return dict(state.execute("SELECT number, name FROM customer").fetchall())

    def _process(self, parcel: Path) -> None:
        switches = self.switches()
        if switches.loses:
            parcel.unlink()
            return
        content, name = parcel.read_bytes(), parcel.stem
        digest = hashlib.sha256(content).hexdigest()
        with self._state() as state:
            known = state.execute(
                "SELECT accepted, answer FROM parcel WHERE name = ? AND digest = ?", [name, digest]
            ).fetchone()
            if known is None:
                known = self._booked(state, switches, content, digest)
                state.execute("INSERT INTO parcel VALUES (?, ?, ?, ?)", [name, digest, *known])
        if not switches.silent:
            self._answer(name, bool(known[0]), known[1], half=switches.half)
        parcel.replace(self.folder / "done" / parcel.name)

    def _booked(
        self, state: sqlite3.Connection, switches: Switches, content: bytes, digest: str
    ) -> tuple[int, str]:
        state.execute("SAVEPOINT document")
        try:
            if switches.refuses_next:
                remaining = json.dumps(asdict(replace(switches, refuses_next=switches.refuses_next - 1)))
                state.execute("DELETE FROM control")
                state.execute("INSERT INTO control VALUES (?)", [remaining])
                state.execute("RELEASE document")
                return 0, "The simulator was told to refuse this document."
            self._book(state, switches, content)
        except Refused as refusal:
            state.execute("ROLLBACK TO document")
            return 0, str(refusal)
        return 1, digest

    def _book(self, state: sqlite3.Connection, switches: Switches, content: bytes) -> None:
        try:
            document = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise Refused(f"The document is no XML: {error}") from error
        if not self._schema.validate(document):
            raise Refused(f"The document is not as the schema says: {self._schema.error_log.last_error}")
        kind = document[0]
        if kind.tag == "GLTransactionType":
            self._book_journal(state, switches, kind)
        elif kind.tag == "RMCashReceiptsType":
            self._book_receipt(state, kind[0])
        else:
            told = _told(kind[0])
            state.execute(
                "INSERT INTO customer VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET name = excluded.name",
                [told["CUSTNMBR"], told.get("CUSTNAME", "")],
            )

    def _book_journal(self, state: sqlite3.Connection, switches: Switches, kind: etree._Element) -> None:
        header = _told(kind[1])
        lines = [_told(line) for line in kind[0]]
        if any(
            (line["JRNENTRY"], line["BACHNUMB"]) != (header["JRNENTRY"], header["BACHNUMB"]) for line in lines
        ):
            raise Refused("A line is of another journal than the header.")
        if sum(Decimal(line["DEBITAMT"]) - Decimal(line["CRDTAMNT"]) for line in lines):
            raise Refused("The journal does not balance.")
        for line in lines:
            if switches.accounts and line.get("ACTNUMST") not in switches.accounts:
                raise Refused(f"There is no account {line.get('ACTNUMST')}.")
            try:
                state.execute(
                    "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        int(line["JRNENTRY"]),
                        int(line["SQNCLINE"]),
                        line["BACHNUMB"],
                        line.get("ACTNUMST", ""),
                        line.get("CURNCYID", ""),
                        header["TRXDATE"],
                        line["DEBITAMT"],
                        line["CRDTAMNT"],
                    ],
                )
            except sqlite3.IntegrityError:
                raise Refused(
                    _error(
                        DUPLICATE_LINE,
                        "taGLTransactionLineInsert",
                        f"The SQNCLINE {line['SQNCLINE']} is in journal {line['JRNENTRY']} already",
                    )
                ) from None

    def _book_receipt(self, state: sqlite3.Connection, node: etree._Element) -> None:
        told = _told(node)
        if not state.execute("SELECT 1 FROM customer WHERE number = ?", [told["CUSTNMBR"]]).fetchone():
            raise Refused(f"There is no customer {told['CUSTNMBR']}.")
        try:
            state.execute(
                "INSERT INTO receipt VALUES (?, ?, ?, ?, ?)",
                [told["DOCNUMBR"], told["CUSTNMBR"], told["ORTRXAMT"], told["DOCDATE"], told["CSHRCTYP"]],
            )
        except sqlite3.IntegrityError:
            raise Refused(
                _error(DUPLICATE_RECEIPT, "taRMCashReceiptInsert", f"The DOCNUMBR {told['DOCNUMBR']} exists")
            ) from None

    def _answer(self, name: str, accepted: bool, text: str, *, half: bool = False) -> None:
        file = self.folder / "out" / f"{name}{'.ack' if accepted else '.err'}"
        if half:
            file.write_text(text[: len(text) // 2] if accepted else "")
            return
        whole = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        whole.write_text(text)
        whole.replace(file)

    @contextmanager
    def _state(self) -> Iterator[sqlite3.Connection]:
        state = sqlite3.connect(self.folder / "gp.sqlite", timeout=30)
        try:
            with state:
                yield state
        finally:
            state.close()


def schema() -> etree.XMLSchema:
    """The schema that Warchest wrote from the documented elements."""
    return etree.XMLSchema(etree.fromstring((files(__package__) / "econnect.xsd").read_bytes()))


def _told(node: etree._Element) -> dict[str, str]:
    return {str(child.tag): child.text or "" for child in node}


def _error(number: int, procedure: str, description: str) -> str:
    return f"Error Number = {number}  Stored Procedure= {procedure}  Error Description = {description}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Take eConnect documents from a folder as GP would.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--once", action="store_true", help="take what lies there, and end")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    asked = parser.parse_args()
    simulator = Simulator(asked.folder)
    print(f"The simulator of Dynamics GP watches {asked.folder / 'in'}", flush=True)
    while True:
        took = simulator.work()
        if took:
            print(f"Took {took}", flush=True)
        if asked.once:
            break
        time.sleep(asked.every)


if __name__ == "__main__":
    main()
