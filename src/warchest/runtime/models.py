"""Tables of the runtime. They live in the coordinator's database, so that they commit with the ledger."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Now

from warchest.kernel.ids import new_id


class IdempotencyKey(models.Model):
    """What a caller asked under a key, and the final answer. A row without an outcome lives only inside its transaction."""

    pk = models.CompositePrimaryKey("scope", "route", "key")
    scope = models.CharField(max_length=80)
    route = models.CharField(max_length=60)
    key = models.CharField(max_length=64)
    fingerprint = models.BinaryField(max_length=32)
    outcome = models.CharField(max_length=8, default="", blank=True)
    answer = models.TextField(default="", blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="outcome_known", condition=Q(outcome__in=["", "done", "refused"])),
        ]
        indexes = [models.Index(fields=["recorded_at"], name="idempotency_recorded_at")]


class Operation(models.Model):
    """One line of the record of operations: who did what, from where, and how it ended. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    name = models.CharField(max_length=60)
    outcome = models.CharField(max_length=8)
    reason = models.CharField(max_length=60, blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    on_behalf_of = models.CharField(max_length=80, blank=True)
    channel = models.CharField(max_length=12)
    subject_kind = models.CharField(max_length=24, blank=True)
    subject_id = models.CharField(max_length=80, blank=True)
    details = models.JSONField(default=dict)
    address = models.CharField(max_length=45, blank=True)
    certificate = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            CheckConstraint(name="operation_outcome_known", condition=Q(outcome__in=["done", "refused"]))
        ]
        indexes = [
            models.Index(fields=["-recorded_at"], name="operation_recorded_at"),
            models.Index(fields=["subject_kind", "subject_id", "-recorded_at"], name="operation_subject"),
            models.Index(fields=["actor_kind", "actor_id", "-recorded_at"], name="operation_actor"),
            models.Index(fields=["name", "-recorded_at"], name="operation_name"),
        ]


class OutboxEvent(models.Model):
    """A published fact, in the transaction that made it true. ``transaction`` orders readers behind open ones."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.BigIntegerField(db_default=models.Value(0))
    topic = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["transaction", "id"], name="outbox_order"),
            models.Index(fields=["key", "transaction"], name="outbox_key"),
        ]


class OutboxCursor(models.Model):
    """How far one consumer has read."""

    consumer = models.CharField(primary_key=True, max_length=60)
    transaction = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)


class ParkedEvent(models.Model):
    """An event that a consumer could not digest, set aside so that those behind it go on."""

    pk = models.CompositePrimaryKey("consumer", "event_id")
    consumer = models.CharField(max_length=60)
    event_id = models.BigIntegerField()
    error = models.TextField()
    parked_at = models.DateTimeField(db_default=Now())


class Decision(models.Model):
    """How a business transaction over several databases was decided: see ``two_phase``. Soon forgotten.

    ``number`` is that of the coordinator's transaction, which orders the outbox; 0 where it never was. ``databases`` are the
    aliases of those that promise; none where nobody wrote them down: then any may have.
    """

    transaction = models.UUIDField(primary_key=True)
    outcome = models.CharField(max_length=6)
    number = models.BigIntegerField()
    keys = ArrayField(models.TextField(), default=list)
    databases = ArrayField(models.TextField(), default=list, db_default=[])
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [CheckConstraint(name="decision_known", condition=Q(outcome__in=["commit", "abort"]))]


class Stamp(models.Model):
    """Whether facts that seldom change are still those that a process has kept: see ``facts``. Written by triggers."""

    name = models.CharField(primary_key=True, max_length=40)
    stamp = models.UUIDField()


class OtherCluster(models.Model):
    """Another cluster, from the moment its operator's letter was taken in: see ``clusters``.

    ``letter`` is what its operator told us, ``password`` what its gateways want to hear, sealed. ``report`` is the last dry
    run's, ``head`` the newest head of its journal's chain that we have seen, as it signed it.
    """

    code = models.CharField(primary_key=True, max_length=40)
    state = models.CharField(max_length=8)
    letter = models.JSONField()
    password = models.BinaryField()
    accepted_by = models.CharField(max_length=80)
    merged_by = models.CharField(max_length=80, blank=True)
    examined_at = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    head = models.TextField(blank=True)
    head_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="other_cluster_state_known",
                condition=Q(state__in=["known", "merged", "leaving", "cut"]),
            ),
            # Whoever took a letter in does not merge by it: two people.
            CheckConstraint(
                name="merged_by_somebody", condition=~Q(state__in=["merged", "leaving"]) | ~Q(merged_by="")
            ),
        ]
