"""Floor of everything: the tenant's mark on a row, the journal, the beats of the loops."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_scopes import ScopedManager

from maillage.kernel.permissions import Actor, Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody

NATIONAL = "national"  # one row for the country: communes, professionals, places, slots
OF_CPTS = "cpts"  # belongs to one CPTS: never met outside its scope
AGREEMENT = "agreement"  # shared by the CPTSs that signed it
TECHNICAL = "technical"  # no person and no tenant: loops, instance


def tenant_constraints(prefix: str) -> list[models.UniqueConstraint]:
    """What every table of a CPTS carries, so that others can refer to (cpts, id) together."""
    return [models.UniqueConstraint(fields=["cpts", "id"], name=f"{prefix}_cpts_id")]


def scoped(queryset: type[models.QuerySet[Any]]) -> ScopedManager:
    """The manager of a table of a CPTS: nothing is met outside its scope."""
    return ScopedManager(cpts="cpts", _manager_class=models.Manager.from_queryset(queryset))


class OfCpts(models.Model):
    """A row of one CPTS, met only inside its scope."""

    tenancy: ClassVar[str] = OF_CPTS

    cpts = models.ForeignKey("territory.Cpts", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class SettingsQuerySet(models.QuerySet[Any]):
    """Settings of which a change is a new row (`valid_from`)."""

    def in_force(self, now: dt.datetime) -> "SettingsQuerySet":
        """The last one whose date has come."""
        return self.filter(valid_from__lte=now).order_by("-valid_from", "-pk")[:1]


class Instance(models.Model):
    """One row: what this database is. A demo database listens to this machine only and sends nothing."""

    tenancy: ClassVar[str] = TECHNICAL
    retention: ClassVar[Retention] = nobody("ce qu'est la base")

    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="instance_is_alone")]

    def __str__(self) -> str:
        return "démonstration" if self.is_demo else "réelle"


class Beat(models.Model):
    """Last sign of life of a loop (clock, notices)."""

    tenancy: ClassVar[str] = TECHNICAL
    retention: ClassVar[Retention] = nobody("signes de vie des boucles")

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%F %T}"


class Pulse(models.Model):
    """A counter per CPTS, moved by every write its desk must see; screens ask "anything since?".

    The two others move with it, but for the acts known to leave alone what they tell of: while one
    stands still, what was read may serve again. `places`: the places taken, and what was accepted;
    `directory`: who may be asked, their slots, the settings.
    """

    tenancy: ClassVar[str] = TECHNICAL
    retention: ClassVar[Retention] = nobody("compteurs d'écran")

    cpts = models.OneToOneField(
        "territory.Cpts", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    version = models.PositiveBigIntegerField(default=1)
    places = models.PositiveBigIntegerField(default=1)
    directory = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.cpts_id}: {self.version}"


class JournalQuerySet(models.QuerySet["JournalLine"]):
    def visible_to(self, actor: Actor) -> "JournalQuerySet":
        if not actor.may(Permission.JOURNAL_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts_id=actor.cpts_id)


class JournalHead(models.Model):
    """The end of the journal's chain of one CPTS (0: the platform's own): last number, last HMAC.

    Locked for the time of an append, so that two lines never take one number; a trigger moves it on
    with each line. It proves nothing: what proves is the chain, and the heads kept outside the
    database (see `kernel.chain`).
    """

    tenancy: ClassVar[str] = TECHNICAL
    retention: ClassVar[Retention] = nobody("bouts des chaînes du journal")

    chain = models.BigIntegerField("CPTS, ou 0", primary_key=True)
    number = models.PositiveBigIntegerField(default=0)
    hmac = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.chain}: {self.number}"


class JournalLine(models.Model):
    """One act, one answer that showed residents, one access refused, or the seal of lines past their
    retention. Appended, never changed (a trigger refuses it), chained by `hmac` in each CPTS.

    Holds opaque ids only. `cpts_id` is not a foreign key: the journal outlives what it speaks of.
    `sealed_through`: the last number of the lines that a seal replaced, the only ones that a trigger
    lets be deleted.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.JOURNAL, ends="at", is_deleted=False
    )

    class Kind(models.TextChoices):
        WRITE = "write", "acte"
        READ = "read", "consultation"
        REFUSAL = "refusal", "accès refusé"
        SEAL = "seal", "scellement"

    number = models.PositiveBigIntegerField("numéro dans la chaîne")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    cpts_id = models.BigIntegerField(null=True)
    actor_kind = models.CharField(max_length=6)
    seat_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    action = models.CharField("acte ou page", max_length=80)
    purpose = models.CharField("finalité", max_length=80, blank=True)
    target = models.CharField("objet", max_length=80, blank=True)
    residents = models.JSONField("habitants montrés", default=list)
    data = models.JSONField(default=dict)
    sealed_through = models.PositiveBigIntegerField(null=True)
    hmac = models.CharField(max_length=64)

    objects = JournalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cpts_id", "number"], name="journal_number_once"),
            models.UniqueConstraint(
                fields=["number"], condition=Q(cpts_id=None), name="journal_own_number_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["write", "read", "refusal", "seal"]),
                name="journal_kind_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind="read") | ~Q(purpose=""), name="journal_read_says_why"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="seal", sealed_through__isnull=False, sealed_through__lt=F("number")
                )
                | (~Q(kind="seal") & Q(sealed_through=None)),
                name="journal_seal_says_through",
            ),
        ]
        indexes = [
            models.Index(fields=["cpts_id", "-at"], name="journal_cpts_at"),
            models.Index(
                fields=["cpts_id", "seat_id", "action", "-at"],
                condition=Q(kind__in=["read", "refusal"]),
                name="journal_recent_reads",
            ),
            models.Index(
                fields=["cpts_id", "-sealed_through"],
                condition=Q(kind="seal"),
                name="journal_seals",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.at:%F %T} {self.action} {self.target}"
