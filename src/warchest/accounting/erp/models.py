"""What is handed to ERPs. Entries, totals, attempts, answers, rules and mappings are only ever added; what may change of the
others, and how, is kept by triggers (``sql/erp.sql``)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.db.models.functions import Now


class ErpExport(models.Model):
    """One exporter's place in the books, and the numbers that it gives next. Its row is the lock of who counts."""

    exporter = models.CharField(primary_key=True, max_length=40)
    begins_after = models.BigIntegerField()
    position = models.BigIntegerField()
    first_journal = models.IntegerField()
    next_journal = models.IntegerField()
    next_receipt = models.IntegerField(default=1)
    next_customer = models.IntegerField(default=1)
    next_batch = models.IntegerField(default=1)
    begun_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(name="erp_export_forward", condition=Q(position__gte=F("begins_after"))),
            CheckConstraint(
                name="erp_export_counts",
                condition=Q(begins_after__gte=0, first_journal__gte=1, next_journal__gte=F("first_journal")),
            ),
        ]

    def __str__(self) -> str:
        return self.exporter


class ErpTreatment(models.Model):
    """How entries that touch a book are treated; of a book's, the last counts. Append-only."""

    exporter = models.CharField(max_length=40)
    book = models.CharField(max_length=40, blank=True)
    treatment = models.CharField(max_length=8)
    set_by = models.CharField(max_length=40)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="erp_treatment_known", condition=Q(treatment__in=["detail", "summary", "receipt"])
            )
        ]
        indexes = [models.Index(fields=["exporter", "book", "-id"], name="erp_treatment_last")]


class ErpMapping(models.Model):
    """What an account is called in the ERP; of a key's, the last counts. Append-only."""

    exporter = models.CharField(max_length=40)
    book = models.CharField(max_length=40)
    owner_class = models.CharField(max_length=64, db_collation="C")
    currency = models.CharField(max_length=3)
    account = models.CharField(max_length=200, blank=True)
    customer = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=8, blank=True)
    set_by = models.CharField(max_length=40)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["exporter", "book", "owner_class", "currency", "-id"], name="erp_mapping_last"
            )
        ]


class ErpBatch(models.Model):
    """What became documents at once. Append-only."""

    id = models.UUIDField(primary_key=True)
    export = models.ForeignKey(ErpExport, on_delete=models.PROTECT, db_index=False)
    number = models.IntegerField()
    made_at = models.DateTimeField()
    entries = models.IntegerField()
    documents = models.IntegerField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "erp batches"
        constraints = [UniqueConstraint(fields=["export", "number"], name="erp_batch_number_once")]

    def __str__(self) -> str:
        return f"{self.export_id} {self.number}"


class ErpTotal(models.Model):
    """A control total. Append-only; per batch, treatment and currency debits equal credits, checked at the commit."""

    batch = models.ForeignKey(ErpBatch, on_delete=models.PROTECT, db_index=False)
    treatment = models.CharField(max_length=8)
    book = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    # Sums outgrow the 64 bits of an amount.
    debit_minor = models.DecimalField(max_digits=30, decimal_places=0)
    credit_minor = models.DecimalField(max_digits=30, decimal_places=0)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["batch", "treatment", "book", "currency"], name="erp_total_once"),
            CheckConstraint(
                name="erp_total_not_negative", condition=Q(debit_minor__gte=0, credit_minor__gte=0)
            ),
        ]


class ErpEntry(models.Model):
    """An entry that was taken, for each exporter once. It gets its batch once; ``missing`` are the accounts for want of
    whose mapping it is held."""

    pk = models.CompositePrimaryKey("export_id", "entry_id")
    export = models.ForeignKey(ErpExport, on_delete=models.PROTECT, db_index=False)
    entry_id = models.UUIDField()
    position = models.BigIntegerField()
    day = models.DateField()
    treatment = models.CharField(max_length=8)
    missing = ArrayField(models.CharField(max_length=120), null=True)
    batch = models.ForeignKey(ErpBatch, null=True, on_delete=models.PROTECT, db_index=False)
    documents = ArrayField(models.UUIDField(), null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "erp entries"
        constraints = [
            UniqueConstraint(fields=["export", "position"], name="erp_position_once"),
            CheckConstraint(
                name="erp_entry_treatment_known",
                condition=Q(treatment__in=["detail", "summary", "receipt", "units"]),
            ),
            CheckConstraint(
                name="erp_entry_in_batch_whole",
                condition=Q(batch__isnull=True, documents__isnull=True)
                | Q(batch__isnull=False, documents__isnull=False, missing__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["export", "treatment", "day", "position"],
                name="erp_entry_waiting",
                condition=Q(batch__isnull=True, missing__isnull=True),
            ),
            models.Index(
                fields=["export", "position"], name="erp_entry_held", condition=Q(missing__isnull=False)
            ),
            models.Index(fields=["batch", "position"], name="erp_entry_of_batch"),
            models.Index(fields=["entry_id"], name="erp_entry_by_entry"),
        ]


class ErpCustomer(models.Model):
    """A customer to be made or changed in the ERP. Append-only; each row becomes one document."""

    exporter = models.CharField(max_length=40)
    number = models.CharField(max_length=40)
    name = models.CharField(max_length=64)
    set_by = models.CharField(max_length=40)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["exporter", "number", "-id"], name="erp_customer_last")]

    def __str__(self) -> str:
        return self.number


class ErpDocument(models.Model):
    """A document. What it is never changes; its state goes on as ``sql/erp.sql`` says."""

    id = models.UUIDField(primary_key=True)
    batch = models.ForeignKey(ErpBatch, on_delete=models.PROTECT, db_index=False)
    exporter = models.CharField(max_length=40)
    series = models.CharField(max_length=8)
    number = models.IntegerField()
    treatment = models.CharField(max_length=8, blank=True)
    day = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    amount_minor = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    text = models.CharField(max_length=80)
    customer = models.OneToOneField(ErpCustomer, null=True, on_delete=models.PROTECT)
    # A receipt's customer, whose own document goes first.
    customer_number = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=12)
    attempts = models.IntegerField(default=0)
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")
    problem = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            UniqueConstraint(fields=["exporter", "series", "number"], name="erp_document_number_once"),
            CheckConstraint(
                name="erp_document_state_known",
                condition=Q(state="waiting", attempts__gte=1)
                | Q(state="sent", attempts__gte=1, sent_at__isnull=False)
                | Q(state="acknowledged", attempts__gte=1, answered_at__isnull=False)
                | Q(state="refused", answered_at__isnull=False),
            ),
            CheckConstraint(
                name="erp_document_of_series",
                condition=Q(series="journal", treatment__in=["detail", "summary"], amount_minor__gt=0)
                | Q(series="receipt", treatment="receipt", amount_minor__gt=0)
                | Q(series="customer", treatment="", amount_minor__isnull=True, customer__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "series", "number"], name="erp_document_of_batch"),
            models.Index(
                fields=["exporter", "state", "id"],
                name="erp_document_open",
                condition=~Q(state="acknowledged"),
            ),
            models.Index(fields=["exporter", "-id"], name="erp_document_newest"),
            models.Index(
                fields=["exporter", "customer_number"],
                name="erp_document_of_customer",
                condition=Q(series="customer"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.number}"


class ErpAttempt(models.Model):
    """A document's text, as it was written to be sent. Append-only."""

    document = models.ForeignKey(ErpDocument, on_delete=models.PROTECT, db_index=False)
    exporter = models.CharField(max_length=40)
    number = models.IntegerField()
    name = models.CharField(max_length=80)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["document", "number"], name="erp_attempt_once"),
            UniqueConstraint(fields=["exporter", "name"], name="erp_parcel_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ErpAnswer(models.Model):
    """What was said of a document, by the ERP or, without an attempt, by somebody here. Append-only; a text counts once."""

    document = models.ForeignKey(ErpDocument, null=True, on_delete=models.PROTECT, db_index=False)
    exporter = models.CharField(max_length=40)
    parcel = models.CharField(max_length=120)
    attempt = models.IntegerField(default=0)
    outcome = models.CharField(max_length=12)
    errors = models.JSONField(default=list)
    raw = models.TextField()
    raw_digest = models.CharField(max_length=64)
    said_by = models.CharField(max_length=40, blank=True, default="")
    heard_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["exporter", "parcel", "raw_digest"], name="erp_answer_once"),
            CheckConstraint(
                name="erp_answer_outcome_known",
                condition=Q(outcome__in=["accepted", "refused", "unreadable"]),
            ),
        ]
        indexes = [models.Index(fields=["document", "id"], name="erp_answer_of_document")]
