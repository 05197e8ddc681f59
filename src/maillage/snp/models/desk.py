"""How the desk of a CPTS works, dated; and the mark of every row of a CPTS."""

from typing import ClassVar

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.expressions import Combinable

from maillage.accounts.models import Seat
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import OfCpts, SettingsQuerySet, scoped, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.snp.enums import HOLIDAY, HoursKind


class DeskSettings(OfCpts):
    """How the desk works from a moment on. A change is a new row; the past stays readable."""

    retention: ClassVar[Retention] = nobody("réglages de la régulation")

    valid_from = models.DateTimeField("à partir du")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField("décidé par", max_length=200)
    proposal_minutes = models.PositiveSmallIntegerField("délai de réponse (min)")
    live_proposals_max = models.PositiveSmallIntegerField("propositions en même temps")
    soon_minutes = models.PositiveSmallIntegerField("attente à surveiller (min)")
    late_minutes = models.PositiveSmallIntegerField("attente trop longue (min)")
    search_hours = models.PositiveSmallIntegerField("chercher un créneau dans les (h)")
    max_travel_minutes = models.PositiveSmallIntegerField("trajet maximal (min)")
    weight_delay = models.FloatField("poids d'une minute d'attente")
    weight_travel = models.FloatField("poids d'une minute de trajet")
    usual_doctor_minutes = models.FloatField("avantage du médecin traitant (min)")
    load_minutes = models.FloatField("handicap par demande acceptée en 30 jours (min)")
    commune_population_min = models.PositiveIntegerField(
        "population à partir de laquelle la commune est dite avant connexion"
    )
    outcome_after_minutes = models.PositiveSmallIntegerField(
        "issue demandée après la fin du créneau (min)"
    )
    first_deadline_hours = models.PositiveSmallIntegerField("premier délai (h)")
    second_deadline_hours = models.PositiveSmallIntegerField("second délai (h)")
    warn_minutes = models.PositiveSmallIntegerField("prévenir avant un délai (min)")
    usual_doctor_circle_minutes = models.PositiveSmallIntegerField("médecin traitant seul (min)")
    ring_circle_minutes = models.PositiveSmallIntegerField("cercle choisi (min)")
    cpts_circle_minutes = models.PositiveSmallIntegerField("toute la CPTS (min)")
    neighbours_circle_minutes = models.PositiveSmallIntegerField("CPTS voisines (min)")
    duty_circle_minutes = models.PositiveSmallIntegerField("personne d'astreinte (min)")
    remind_minutes = models.PositiveSmallIntegerField("relancer le responsable après (min)")
    escalate_minutes = models.PositiveSmallIntegerField("prévenir la coordination après (min)")
    double_hours = models.PositiveSmallIntegerField("doublons cherchés dans les dernières (h)")
    small_cell_min = models.PositiveSmallIntegerField("effectif minimal publié")
    relation_days = models.PositiveSmallIntegerField(
        "demande visible du professionnel après sa fin (jours)"
    )
    break_glass_minutes = models.PositiveSmallIntegerField("durée d'un bris de glace (min)")
    summary_minute = models.PositiveSmallIntegerField("bilan du jour envoyé à (minute du jour)")
    out_of_hours_number = models.CharField(
        "numéro du territoire hors des heures", max_length=60, blank=True
    )
    out_of_hours_source = models.CharField("source de ce numéro", max_length=200, blank=True)

    objects = scoped(SettingsQuerySet)

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            *tenant_constraints("desk_settings"),
            TenantForeignKey(field="set_by", name="desk_settings_set_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(live_proposals_max__range=(1, 3)),
                name="desk_settings_one_to_three_proposals",
                violation_error_message="De une à trois propositions en même temps.",
            ),
            models.CheckConstraint(
                condition=Q(proposal_minutes__range=(1, 1440)),
                name="desk_settings_proposal_minutes",
                violation_error_message="Le délai de réponse va de 1 minute à 24 heures.",
            ),
            models.CheckConstraint(
                condition=Q(late_minutes__gte=F("soon_minutes")),
                name="desk_settings_late_after_soon",
                violation_error_message="« Trop longue » doit suivre « à surveiller ».",
            ),
            models.CheckConstraint(
                condition=Q(
                    weight_delay__gte=0,
                    weight_travel__gte=0,
                    usual_doctor_minutes__gte=0,
                    load_minutes__gte=0,
                ),
                name="desk_settings_weights_are_positive",
                violation_error_message="Les poids sont positifs ou nuls.",
            ),
            models.CheckConstraint(
                condition=Q(
                    first_deadline_hours__gte=1,
                    second_deadline_hours__gte=F("first_deadline_hours"),
                ),
                name="desk_settings_deadlines_in_order",
                violation_error_message="Le second délai suit le premier.",
            ),
            models.CheckConstraint(
                condition=Q(remind_minutes__gte=1, escalate_minutes__gte=F("remind_minutes")),
                name="desk_settings_remind_then_escalate",
                violation_error_message="La coordination est prévenue après le responsable.",
            ),
            models.CheckConstraint(
                condition=Q(break_glass_minutes__range=(1, 1440), relation_days__lte=365),
                name="desk_settings_access_is_short",
                violation_error_message="Un bris de glace dure de 1 minute à 24 heures ; une demande "
                "finie reste visible un an au plus.",
            ),
            models.CheckConstraint(
                condition=Q(summary_minute__lt=1440), name="desk_settings_summary_in_the_day"
            ),
            models.CheckConstraint(
                condition=Q(out_of_hours_number="") | ~Q(out_of_hours_source=""),
                name="desk_settings_number_has_a_source",
                violation_error_message="Indiquez la source du numéro hors des heures.",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.valid_from:%F}"


class DeskHours(OfCpts):
    """Hours of a weekday (7: a public holiday), in wall-clock minutes of the CPTS's zone: the desk
    open, or the permanence des soins (PDSA)."""

    retention: ClassVar[Retention] = nobody("horaires de la régulation")

    settings = models.ForeignKey(DeskSettings, on_delete=models.CASCADE, related_name="hours")
    kind = models.CharField(max_length=4, choices=HoursKind.choices, default=HoursKind.DESK)
    weekday = models.PositiveSmallIntegerField("jour")
    opens_minute = models.PositiveSmallIntegerField("de")
    closes_minute = models.PositiveSmallIntegerField("à")

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["kind", "weekday", "opens_minute"]
        constraints = [
            *tenant_constraints("desk_hours"),
            TenantForeignKey(field="settings", name="desk_hours_settings_same_cpts"),
            models.CheckConstraint(
                condition=Q(weekday__range=(0, HOLIDAY)), name="desk_hours_weekday"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=HoursKind.values), name="desk_hours_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(closes_minute__gt=F("opens_minute"), closes_minute__lte=1440),
                name="desk_hours_closes_after_it_opens",
            ),
        ]

    def __str__(self):
        return f"{self.weekday} {self.opens_minute}-{self.closes_minute}"


def _replaced_at() -> Combinable:
    """When the next list of the same CPTS came into force; NULL while none did."""
    later = RedFlagList._base_manager.filter(
        cpts=OuterRef("cpts"), valid_from__gt=OuterRef("valid_from")
    )
    return Subquery(later.order_by("valid_from").values("valid_from")[:1])


class RedFlagList(OfCpts):
    """The list of signs that stop everything, validated by a named doctor of the CPTS from a date on."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DECISION, ends=lambda: _replaced_at()
    )

    valid_from = models.DateTimeField("à partir du")
    validated_by = models.CharField("validée par", max_length=120)
    validated_on = models.DateField("validée le")
    is_example = models.BooleanField("liste d'exemple, à faire valider", default=False)

    objects = scoped(SettingsQuerySet)

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            *tenant_constraints("red_flag_list"),
            models.CheckConstraint(
                condition=~Q(validated_by=""),
                name="red_flag_list_is_validated",
                violation_error_message="Indiquez le médecin qui a validé la liste.",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.valid_from:%F}"


class RedFlag(OfCpts):
    """One sign of a list."""

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DECISION, part_of="flag_list")

    flag_list = models.ForeignKey(RedFlagList, on_delete=models.CASCADE, related_name="flags")
    position = models.PositiveSmallIntegerField("ordre")
    label = models.CharField("signe", max_length=200)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["position"]
        constraints = [
            *tenant_constraints("red_flag"),
            TenantForeignKey(field="flag_list", name="red_flag_list_same_cpts"),
            models.UniqueConstraint(fields=["flag_list", "position"], name="red_flag_position"),
        ]

    def __str__(self):
        return self.label
