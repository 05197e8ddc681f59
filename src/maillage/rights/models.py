"""How long each class is kept, dated and signed; and what remains of rows that went: counts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from maillage.kernel.models import NATIONAL, OF_CPTS, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.rights.enums import CountedFrom, Step
from maillage.territory.models import Cpts


class RetentionRule(models.Model):
    """How long the rows of one class are kept before one step, from a day on. A change is a new row.

    Without a CPTS: the common rule, proposed until somebody decides; a CPTS's own rule comes first.
    """

    tenancy: ClassVar[str] = NATIONAL  # durations of everybody, a person in none
    retention: ClassVar[Retention] = nobody("durées de conservation")

    cpts = models.ForeignKey(Cpts, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("classe", max_length=12, choices=RetentionClass.choices)
    step = models.CharField("ce qui est fait", max_length=6, choices=Step.choices)
    days = models.PositiveIntegerField("jours")
    counted_from = models.CharField(
        "comptés depuis", max_length=8, choices=CountedFrom.choices, default=CountedFrom.END
    )
    contract_ends_on = models.DateField("fin du contrat ACI", null=True, blank=True)
    valid_from = models.DateField("à partir du")
    source = models.CharField("source", max_length=300)
    decided_by = models.CharField("décidé par", max_length=120, blank=True)
    set_by = models.BigIntegerField("rôle", null=True, editable=False)
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["kind", "step", "-valid_from", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=RetentionClass.values), name="retention_rule_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(step__in=Step.values), name="retention_rule_step_known"
            ),
            models.CheckConstraint(
                condition=Q(counted_from=CountedFrom.END, contract_ends_on=None)
                | Q(
                    counted_from=CountedFrom.CONTRACT,
                    contract_ends_on__isnull=False,
                    kind=RetentionClass.CARE_REQUEST,
                    step=Step.DELETE,
                ),
                name="retention_rule_contract_says_its_end",
                violation_error_message="Seule la suppression d'une demande se compte depuis la fin "
                "d'un contrat : donnez alors sa date.",
            ),
            models.CheckConstraint(
                condition=~Q(source="") & (Q(cpts=None) | ~Q(decided_by="")),
                name="retention_rule_is_signed",
                violation_error_message="Dites d'où vient cette durée et qui l'a décidée.",
            ),
            models.UniqueConstraint(
                fields=["cpts", "kind", "step", "valid_from"],
                name="retention_rule_one_a_day",
                violation_error_message="Une durée commence déjà ce jour-là pour cette classe.",
            ),
            models.UniqueConstraint(
                fields=["kind", "step", "valid_from"],
                condition=Q(cpts=None),
                name="retention_rule_one_common_a_day",
                violation_error_message="Une durée commence déjà ce jour-là pour cette classe.",
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.step} {self.days}"


class PurgedCount(models.Model):
    """How many rows of one table, ended in one month, were deleted at the end of their time."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = nobody("des comptes par mois")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    table = models.CharField(max_length=60)
    month = models.DateField("mois")
    said = models.CharField("dont les colonnes comptées disent", max_length=120)
    rows = models.PositiveIntegerField("lignes", default=0)

    objects = ScopedManager(cpts="cpts")

    class Meta:
        ordering = ["table", "month", "said"]
        constraints = [
            *tenant_constraints("purged_count"),
            models.UniqueConstraint(
                fields=["cpts", "table", "month", "said"], name="purged_count_once"
            ),
        ]

    def __str__(self):
        return f"{self.table} {self.month:%Y-%m} {self.said}: {self.rows}"
