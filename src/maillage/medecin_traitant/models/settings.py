"""How a CPTS looks for médecins traitants, dated; and the mark of every row of a CPTS."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import OfCpts, SettingsQuerySet, scoped, tenant_constraints
from maillage.kernel.retention import Retention, nobody
from maillage.medecin_traitant.enums import (
    LAST_RANK,
    PROMISED_MAX,
    PROMISED_MIN,
    WITH_A_THRESHOLD,
    Criterion,
)


class MtSettings(OfCpts):
    """How requests are taken and doctors asked, from a moment on. A change is a new row.

    Desk and coordination meet ALD and C2S only under a health professional named here: without one
    neither is asked nor shown. `cpam_basis`: the legal basis of the lists of the CPAM; empty, none is
    loaded.
    """

    retention: ClassVar[Retention] = nobody("réglages de la recherche de médecin traitant")

    valid_from = models.DateTimeField("à partir du")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField("décidé par", max_length=200)
    promised_days = models.PositiveSmallIntegerField("réponse promise sous (jours)")
    answer_days = models.PositiveSmallIntegerField("réponse du médecin à une proposition (jours)")
    follow_up_days = models.PositiveSmallIntegerField("déclaration attendue sous (jours)")
    confirm_days = models.PositiveSmallIntegerField(
        "entre deux vérifications d'une déclaration (jours)", default=30
    )
    remind_days = models.PositiveSmallIntegerField("entre deux relances (jours)")
    reminders_max = models.PositiveSmallIntegerField("relances d'un médecin sans réponse")
    offer_days_max = models.PositiveSmallIntegerField("durée la plus longue d'une offre (jours)")
    travel_minutes_max = models.PositiveSmallIntegerField("trajet maximal (min)")
    # Of an attribution, in minutes of travel; 0: without effect.
    load_step_minutes = models.PositiveSmallIntegerField(
        "un patient de plus chez un médecin pèse (min)", default=0
    )
    heavy_step_minutes = models.PositiveSmallIntegerField(
        "une personne qui demande plus de soins pèse en plus (min)", default=0
    )
    heavy_up_to_rank = models.PositiveSmallIntegerField(
        "demandent plus de soins : les priorités jusqu'à", default=0
    )
    household_minutes = models.PositiveSmallIntegerField(
        "garder un foyer chez un médecin vaut (min)", default=0
    )
    small_cell_min = models.PositiveSmallIntegerField("effectif minimal d'une durée annoncée")
    asks_ald = models.BooleanField("demander l'ALD (oui ou non)", default=False)
    asks_c2s = models.BooleanField("demander la C2S ou l'AME (oui ou non)", default=False)
    asks_language = models.BooleanField("demander la langue souhaitée", default=False)
    asks_last_doctor = models.BooleanField("demander le dernier médecin", default=False)
    responsible = models.ForeignKey(
        Professional,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="professionnel de santé responsable",
    )
    cpam_basis = models.CharField("base légale des listes de la CPAM", max_length=300, blank=True)

    objects = scoped(SettingsQuerySet)

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            *tenant_constraints("mt_settings"),
            TenantForeignKey(field="set_by", name="mt_settings_set_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(promised_days__gte=PROMISED_MIN, promised_days__lte=PROMISED_MAX),
                name="mt_settings_promise_30_to_90_days",
                violation_error_message="La réponse se promet sous 30 à 90 jours.",
            ),
            models.CheckConstraint(
                condition=Q(
                    answer_days__gte=1,
                    follow_up_days__gte=1,
                    confirm_days__gte=1,
                    remind_days__gte=1,
                    offer_days_max__gte=1,
                    travel_minutes_max__gte=1,
                ),
                name="mt_settings_durations_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(asks_ald=False, asks_c2s=False) | Q(responsible__isnull=False),
                name="mt_settings_health_has_a_responsible",
                violation_error_message="L'ALD et la C2S ne se demandent que sous la responsabilité "
                "d'un professionnel de santé nommé.",
            ),
            models.CheckConstraint(condition=~Q(source=""), name="mt_settings_say_who_decided"),
        ]

    def __str__(self):
        return f"{self.valid_from:%F %T}"


class PriorityRuleQuerySet(models.QuerySet):
    def in_force(self, now):
        """Those of the last date that has come: they are written together."""
        last = self.filter(valid_from__lte=now).order_by("-valid_from").values("valid_from")[:1]
        return self.filter(valid_from=models.Subquery(last)).order_by("rank", "pk")


class PriorityRule(OfCpts):
    """One written rule of the CPTS: who meets the criterion is in this class; 1 comes first.

    The rules of one date are written together and replace those before.
    """

    retention: ClassVar[Retention] = nobody("règles de priorité écrites")

    valid_from = models.DateTimeField("à partir du")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField("décidé par", max_length=200)
    criterion = models.CharField("critère", max_length=12, choices=Criterion.choices)
    threshold = models.PositiveSmallIntegerField("seuil", default=0)
    rank = models.PositiveSmallIntegerField("priorité")

    objects = scoped(PriorityRuleQuerySet)

    class Meta:
        ordering = ["-valid_from", "rank", "pk"]
        constraints = [
            *tenant_constraints("priority_rule"),
            TenantForeignKey(field="set_by", name="priority_rule_set_by_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "valid_from", "criterion", "threshold"], name="priority_rule_once"
            ),
            models.CheckConstraint(
                condition=Q(criterion__in=Criterion.values), name="priority_rule_criterion_known"
            ),
            models.CheckConstraint(
                condition=Q(criterion__in=WITH_A_THRESHOLD, threshold__gte=1)
                | (~Q(criterion__in=WITH_A_THRESHOLD) & Q(threshold=0)),
                name="priority_rule_threshold_where_it_counts",
            ),
            models.CheckConstraint(
                condition=Q(rank__gte=1, rank__lt=LAST_RANK), name="priority_rule_rank"
            ),
            models.CheckConstraint(condition=~Q(source=""), name="priority_rule_says_who_decided"),
        ]

    def __str__(self):
        match self.criterion:
            case Criterion.AGE_FROM:
                return f"{self.threshold} ans et plus"
            case Criterion.WAITING_DAYS:
                return f"{self.threshold} jours d'attente et plus"
            case _:
                return self.get_criterion_display()
