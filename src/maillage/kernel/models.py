"""Floor of everything: the tenant's mark on a row, the journal, the beats of the loops."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.kernel.permissions import Actor, Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody

NATIONAL = "national"  # one row for the country: communes, professionals, places, slots
OF_CPTS = "cpts"  # belongs to one CPTS: never met outside its scope
AGREEMENT = "agreement"  # shared by the CPTSs that signed it
TECHNICAL = "technical"  # no person and no tenant: loops, instance


def tenant_constraints(prefix: str) -> list[models.UniqueConstraint]:
    """What every table of a CPTS carries, so that others can refer to (cpts, id) together."""
    return [models.UniqueConstraint(fields=["cpts", "id"], name=f"{prefix}_cpts_id")]


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


class JournalLine(models.Model):
    """One act, or one answer that showed residents. Appended, never changed (a trigger refuses it).

    Holds opaque ids only. `cpts_id` is not a foreign key: the journal outlives what it speaks of.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.JOURNAL, ends="at", is_deleted=False
    )

    class Kind(models.TextChoices):
        WRITE = "write", "acte"
        READ = "read", "consultation"

    at = models.DateTimeField()
    kind = models.CharField(max_length=5, choices=Kind.choices)
    cpts_id = models.BigIntegerField(null=True)
    actor_kind = models.CharField(max_length=6)
    seat_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    action = models.CharField("acte ou page", max_length=80)
    purpose = models.CharField("finalité", max_length=80, blank=True)
    target = models.CharField("objet", max_length=80, blank=True)
    residents = models.JSONField("habitants montrés", default=list)
    data = models.JSONField(default=dict)

    objects = JournalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["write", "read"]), name="journal_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind="write") | ~Q(purpose=""), name="journal_read_says_why"
            ),
        ]
        indexes = [
            models.Index(fields=["cpts_id", "-at"], name="journal_cpts_at"),
            models.Index(
                fields=["cpts_id", "seat_id", "action", "-at"],
                condition=Q(kind="read"),
                name="journal_recent_reads",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.action} {self.target}"
