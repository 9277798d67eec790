"""Documents are handed over, and what the ERP says of them is kept.

That a document is being sent is written down and committed before the ERP's side can see it, and its answer is kept before
it is discarded where it lies. So a process may be killed anywhere: what was begun and not finished is begun again a minute later,
as the very same parcel. Nothing here takes silence for an answer.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connections
from django.db.models import Exists, OuterRef, Q

from warchest.accounting.contract import ErpState, Noted, Sending, Series, UnableToExport
from warchest.accounting.erp import exporters
from warchest.accounting.models import ErpAnswer, ErpAttempt, ErpDocument, ErpExport
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.erp import Answer, ErpError, ErpExporter, Health, Outcome, Parcel

log = structlog.get_logger(__name__)

BEGUN_AGAIN_S = 60
_FAILURES_MAX = 3
"""After so many in a round the way is closed, and the others wait for the next round."""
_ERROR_LENGTH_MAX = 4000


def exporter_health(*, exporter: str) -> Health:
    plugin = exporters.configured(exporter)
    try:
        return plugin.health()
    except Exception as error:
        log.warning("exporter_unwell", exporter=exporter, exc_info=True)
        return Health(False, f"{type(error).__name__}: {error}"[:300])


def send_documents(*, exporter: str, at: datetime, limit: int = 100) -> Sending:
    _refuse_transaction()
    plugin = exporters.configured(exporter)
    if not ErpExport.objects.filter(exporter=exporter).exists():
        raise UnableToExport("export_not_begun", exporter=exporter)
    handed_over = failed = 0
    answers: list[Answer] = []
    for document_id in list(_due(exporter, at).order_by("id").values_list("id", flat=True)[:limit]):
        parcel = _begin(exporter, document_id, at)
        if parcel is None:
            continue
        try:
            answer = plugin.hand_over(parcel)
        except Exception as error:
            # It may be there or not: the next round hands over the same parcel.
            log.warning("erp_hand_over_failed", exporter=exporter, parcel=parcel.name, exc_info=True)
            _note_problem(document_id, f"{type(error).__name__}: {error}"[:300])
            failed += 1
            if failed == _FAILURES_MAX:
                break
            continue
        handed_over += 1
        if answer is None:
            _finish(document_id, parcel, at)
        else:
            # Finished by its answer; until that is kept, it is as if it had not been handed over.
            answers.append(answer)
    return Sending(handed_over, failed, tuple(answers))


def _due(exporter: str, at: datetime):  # type: ignore[no-untyped-def]
    """What waits, and what was begun a while ago and not finished. A receipt goes behind its customer's own document."""
    customer = ErpDocument.objects.filter(
        ~Q(state=ErpState.ACKNOWLEDGED),
        exporter=OuterRef("exporter"),
        series=Series.CUSTOMER,
        customer_number=OuterRef("customer_number"),
    )
    return ErpDocument.objects.filter(
        Q(state=ErpState.WAITING)
        | Q(
            state=ErpState.SENT,
            handed_over_at=None,
            sent_at__lte=at - timedelta(seconds=BEGUN_AGAIN_S),
        ),
        ~Q(series=Series.RECEIPT) | ~Exists(customer),
        exporter=exporter,
    )


def _begin(exporter: str, document_id: UUID, at: datetime) -> Parcel | None:
    """Write down that it is being sent. None where another worker is at it, or was."""
    with technical_transaction("accounting"):
        row = (
            _due(exporter, at)
            .select_for_update(skip_locked=True, of=("self",))
            .filter(id=document_id)
            .first()
        )
        if row is None:
            return None
        attempt = ErpAttempt.objects.get(document=row, number=row.attempts)
        row.state, row.sent_at, row.handed_over_at = ErpState.SENT, at, None
        row.save(update_fields=["state", "sent_at", "handed_over_at"])
    return Parcel(attempt.name, attempt.text)


def _finish(document_id: UUID, parcel: Parcel, at: datetime) -> None:
    """Only of the attempt that was handed over: meanwhile it may have been answered, or be on its way anew."""
    with technical_transaction("accounting"):
        ErpDocument.objects.filter(
            id=document_id, state=ErpState.SENT, attempts=int(parcel.name.rpartition("-")[2])
        ).update(handed_over_at=at, problem="")


def _note_problem(document_id: UUID, problem: str) -> None:
    with technical_transaction("accounting"):
        ErpDocument.objects.filter(id=document_id, state=ErpState.SENT).update(problem=problem)


def fetch_answers(*, exporter: str) -> tuple[Answer, ...]:
    _refuse_transaction()
    plugin = exporters.configured(exporter)
    try:
        return tuple(plugin.answers())
    except Exception:
        log.warning("erp_answers_failed", exporter=exporter, exc_info=True)
        return ()


def note_answer(*, exporter: str, answer: Answer, at: datetime) -> Noted:
    attempt = ErpAttempt.objects.filter(exporter=exporter, name=answer.parcel).first()
    if attempt is None:
        return Noted(None, None, is_kept=False)
    row = ErpDocument.objects.select_for_update().get(id=attempt.document_id)
    _keep(row, attempt, answer, at)
    if answer.outcome is Outcome.UNREADABLE:
        return Noted(row.id, ErpState(row.state), is_kept=False)
    if answer.outcome is Outcome.ACCEPTED:
        _note_accepted(row, attempt, answer, at)
    else:
        _note_refused(row, attempt, answer, at)
    return Noted(row.id, ErpState(row.state), is_kept=True)


def _keep(row: ErpDocument, attempt: ErpAttempt, answer: Answer, at: datetime) -> None:
    """Once: answers lie there until they are discarded, and are read again until then."""
    ErpAnswer.objects.bulk_create(
        [
            ErpAnswer(
                document=row,
                exporter=row.exporter,
                parcel=answer.parcel,
                attempt=attempt.number,
                outcome=answer.outcome,
                errors=[
                    {"number": one.number, "procedure": one.procedure, "text": one.text}
                    for one in answer.errors
                ],
                raw=answer.raw,
                raw_digest=hashlib.sha256(answer.raw.encode()).hexdigest(),
                heard_at=at,
            )
        ],
        ignore_conflicts=True,
    )


def _note_accepted(row: ErpDocument, attempt: ErpAttempt, answer: Answer, at: datetime) -> None:
    """Whatever was said before: what is booked there is booked. Of an earlier attempt too, which said the same entries."""
    if row.state == ErpState.ACKNOWLEDGED:
        return
    if answer.digest and answer.digest != attempt.digest:
        # Something else was booked under this name. Nobody but a person can say what that means.
        row.problem = "The acknowledgement is of another text than was sent."
        row.save(update_fields=["problem"])
        return
    row.state, row.answered_at, row.error, row.problem = ErpState.ACKNOWLEDGED, at, "", ""
    row.save(update_fields=["state", "answered_at", "error", "problem"])


def _note_refused(row: ErpDocument, attempt: ErpAttempt, answer: Answer, at: datetime) -> None:
    """Only of the last attempt, while it is unanswered: what was refused before is on its way anew."""
    if row.state != ErpState.SENT or attempt.number != row.attempts:
        return
    row.state, row.answered_at = ErpState.REFUSED, at
    row.error = "\n".join(map(in_words, answer.errors))[:_ERROR_LENGTH_MAX] or answer.raw[:_ERROR_LENGTH_MAX]
    row.problem = ""
    row.save(update_fields=["state", "answered_at", "error", "problem"])


def in_words(error: ErpError) -> str:
    if error.number is None:
        return error.text
    return f"{error.number} {error.procedure}: {error.text}"


def discard_answer(*, exporter: str, answer: Answer) -> None:
    _refuse_transaction()
    try:
        _plugin(exporter).discard(answer)
    except OSError:
        # It is read once more, and says nothing new.
        log.warning("erp_discard_failed", exporter=exporter, parcel=answer.parcel, exc_info=True)


def _plugin(exporter: str) -> ErpExporter:
    return exporters.configured(exporter)


def _refuse_transaction() -> None:
    if connections[services.place("accounting")].in_atomic_block:
        raise RuntimeError("an ERP is never spoken with inside a transaction")
