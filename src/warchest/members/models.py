"""Who signs in, who plays, who administers, and which programs may call."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Lower, Now

from warchest.kernel.ids import new_id


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        """E-mail addresses are told apart without regard to case."""
        return self.get(login__iexact=username)


class User(AbstractBaseUser):
    """Someone who signs in: by e-mail address (players) or user name (administrators), both in ``login``."""

    id = models.UUIDField(primary_key=True, default=new_id)
    login = models.CharField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)
    # Set by the admin site's own checks only; rights come from ``Administrator.role``.
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [UniqueConstraint(Lower("login"), name="login_once")]

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_staff and ".view_" in perm

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff

    def __str__(self) -> str:
        return str(self.id)


class Player(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="player")
    nickname = models.CharField(max_length=24)
    country = models.CharField(max_length=2)
    language = models.CharField(max_length=10)
    time_zone = models.CharField(max_length=40, default="UTC")
    display_currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=8, default="active")
    external_id = models.CharField(max_length=80, blank=True)
    registered_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            UniqueConstraint(Lower("nickname"), name="nickname_once"),
            UniqueConstraint(fields=["external_id"], condition=~Q(external_id=""), name="external_id_once"),
            CheckConstraint(name="player_state_known", condition=Q(state__in=["active", "frozen", "closed"])),
        ]
        indexes = [models.Index(fields=["-registered_at"], name="player_registered_at")]

    def __str__(self) -> str:
        return self.nickname


class Administrator(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="administrator")
    role = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            CheckConstraint(
                name="role_known",
                condition=Q(role__in=["owner", "administrator", "accountant", "support", "operator"]),
            )
        ]


class Certificate(models.Model):
    """A client certificate that the deployment's own authority issued to an administrator."""

    serial = models.CharField(primary_key=True, max_length=40)
    fingerprint = models.CharField(max_length=64, unique=True)
    administrator = models.ForeignKey(Administrator, on_delete=models.PROTECT, related_name="certificates")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    issued_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)


class ApiClient(models.Model):
    """A program that may call the API. Only the hash of its key is kept."""

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.CharField(max_length=60)
    key_hash = models.BinaryField(max_length=32, unique=True)
    key_start = models.CharField(max_length=12)
    scopes = models.JSONField(default=list)
    calls_per_second = models.IntegerField(default=50)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)


class PersonKey(models.Model):
    """The key under which documents keep what they must of one person, encrypted; none where the person was erased."""

    player = models.UUIDField(primary_key=True)
    wrapped = models.BinaryField(max_length=80, null=True)
    made_at = models.DateTimeField(db_default=Now())


class InvoiceDetails(models.Model):
    """Who a player's invoices are written to, encrypted under the person's key."""

    player = models.UUIDField(primary_key=True)
    sealed = models.BinaryField()
    vat_check = models.CharField(max_length=16)
    vat_checked_at = models.DateTimeField(null=True)
    vat_check_reference = models.CharField(max_length=80, blank=True, default="")
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "invoice details"
        constraints = [
            CheckConstraint(
                name="vat_check_known",
                condition=Q(vat_check__in=["none", "unchecked", "registered", "not_registered"]),
            )
        ]
        indexes = [
            models.Index(name="vat_check_waiting", fields=["changed_at"], condition=Q(vat_check="unchecked"))
        ]
