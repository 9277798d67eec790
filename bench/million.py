"""A batch from its order to the file that the printer can read, in a process of its own: how long, and how much memory.

Prints one line of JSON: seconds for each step, and the process's peak memory in MiB.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from uuid import UUID

from bench.house import a_command, an_administrator


def main(quantity: int, folder: Path) -> None:
    from warchest.runtime.deployment import running_django

    with running_django():
        print(json.dumps(_from_order_to_file(quantity, folder)))


def _from_order_to_file(quantity: int, folder: Path) -> dict[str, float]:
    import pyrage

    from warchest.cards.contract import BatchTerms, Cards, Worth
    from warchest.journeys.approve_batch import approve_batch
    from warchest.journeys.generate_batch import generate_batch
    from warchest.journeys.hand_over_batch import ask_hand_over, confirm_hand_over, open_print_file
    from warchest.journeys.keep_printers import add_printer
    from warchest.journeys.order_batch import order_batch
    from warchest.kernel.money import Money
    from warchest.members.contract import Role
    from warchest.runtime.command import Command, now
    from warchest.runtime.services import services

    clerk, owner = an_administrator(Role.ADMINISTRATOR), an_administrator(Role.OWNER)

    def by(who: str) -> Command:
        return a_command(kind="ADMINISTRATOR", who=who)

    printer = pyrage.x25519.Identity.generate()
    add_printer(by(clerk), name="press", title="Press", key=str(printer.to_public()))
    steps: dict[str, float] = {}
    ten = Money.parse("10.00", "EUR")
    began = time.perf_counter()

    def took(step: str) -> None:
        steps[step] = time.perf_counter() - began

    terms = BatchTerms(quantity=quantity, gives=(Worth.of_money(ten),), face=ten, reseller="bench")
    batch = order_batch(by(clerk), terms=terms).answer
    approve_batch(by(owner), batch=batch.id, digest=batch.digest)
    took("approved")
    generate_batch(by(clerk), batch=batch.id)
    took("generated")
    asked = ask_hand_over(by(clerk), batch=batch.id, printer="press").answer
    given = confirm_hand_over(by(owner), hand_over=asked.id, fingerprint=asked.fingerprint).answer.hand_over
    took("encrypted")
    open_print_file(by(clerk), batch=batch.id)
    file = folder / "cards.age"
    with file.open("wb") as written:
        for part in services.get(Cards).print_file(batch_id=batch.id, fetched_by=UUID(clerk), at=now()):
            written.write(part)
    took("fetched")
    steps["MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plain = pyrage.decrypt(file.read_bytes(), [printer])
    if hashlib.sha256(plain).hexdigest() != given.control_digest or plain.count(b"\n") != quantity + 1:
        raise RuntimeError("the printer reads another file")
    return steps


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    main(int(sys.argv[1]), Path(sys.argv[2]))
