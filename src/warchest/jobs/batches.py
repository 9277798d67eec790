"""Cards that were asked for are made, and files that nobody fetched are forgotten."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.cards.contract import BatchProgress, Cards
from warchest.journeys.generate_batch import generate_batch
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


def make_batches(*, at: datetime) -> int:
    """Make the batches that were asked for, one after the other; answers how many were made.

    Killed anywhere, it leaves all cards of a batch or none, and the next call begins anew. One that fails comes again, and
    does not stand in the way of the others; one that is refused waits for somebody who asks for it again.
    """
    made = 0
    for asked in services.get(Cards).generations_asked():
        try:
            generate_batch(_command(asked, at), batch=asked.batch)
            made += 1
        except UnableTo as refusal:
            log.warning("batch_refused", batch=str(asked.batch), reason=refusal.reason)
            _note(asked, refusal.reason, at)
        except TryAgain:
            log.info("batch_later", batch=str(asked.batch))
        except Exception:
            log.exception("batch_failed", batch=str(asked.batch))
            _note(asked, "failed", at)
    return made


def _note(asked: BatchProgress, problem: str, at: datetime) -> None:
    services.get(Cards).note_generation_problem(batch_id=asked.batch, problem=problem, at=at)


def _command(asked: BatchProgress, at: datetime) -> Command:
    """In the name of whoever asked, whose right is looked at again. A refusal is kept under the key, so that a batch which
    somebody asks for again has another one."""
    return Command(
        actor=Actor(ActorKind.ADMINISTRATOR, str(asked.asked_by)),
        key=f"{asked.batch}:{asked.version}:{int(asked.started_at.timestamp())}",
        at=at,
        channel=Channel.JOB,
    )


def forget_print_files(*, at: datetime) -> int:
    """Answers of how many batches."""
    return services.get(Cards).forget_print_files(at=at)
