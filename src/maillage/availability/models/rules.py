"""What a professional says of their time: weekly periods, openings, absences."""

from typing import ClassVar

from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.fields.ranges import DateRangeField, IntegerRangeField
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce

from maillage.availability.enums import (
    CAPACITY_MAX,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    AbsenceReason,
    BookingMode,
    QuickAnswer,
    Weekday,
)
from maillage.availability.models.visibility import RuleQuerySet
from maillage.directory.enums import CareKind
from maillage.directory.models import Place, Professional
from maillage.kernel.constraints import PostgresExclusion
from maillage.kernel.models import NATIONAL
from maillage.kernel.retention import Retention, RetentionClass


class Offer(models.Model):
    """What a period and an opening say alike: where, how, for how many, to whom."""

    professional = models.ForeignKey(Professional, on_delete=models.CASCADE)
    place = models.ForeignKey(Place, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("lieu de soin", max_length=6, choices=CareKind.choices)
    mode = models.CharField(max_length=12, choices=BookingMode.choices)
    capacity = models.PositiveSmallIntegerField("places", default=1)
    for_public = models.BooleanField(default=False)
    for_pro = models.BooleanField(default=False)
    for_snp = models.BooleanField(default=False)
    for_cpts = models.BooleanField(default=False)

    class Meta:
        abstract = True


def offer_constraints(prefix: str) -> list[models.BaseConstraint]:
    return [
        models.CheckConstraint(condition=Q(kind__in=CareKind.values), name=f"{prefix}_kind_known"),
        models.CheckConstraint(
            condition=Q(mode__in=BookingMode.values), name=f"{prefix}_mode_known"
        ),
        models.CheckConstraint(
            condition=Q(capacity__range=(1, CAPACITY_MAX)),
            name=f"{prefix}_capacity_range",
            violation_error_message="Indiquez de 1 à 50 places.",
        ),
    ]


class WeeklyPeriod(Offer):
    """A weekly opening in wall-clock minutes of the place's zone, between two dates (included)."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="until_on")

    professional = models.ForeignKey(Professional, on_delete=models.CASCADE, related_name="periods")
    weekday = models.PositiveSmallIntegerField("jour", choices=Weekday.choices)
    starts_minute = models.PositiveSmallIntegerField("de")
    ends_minute = models.PositiveSmallIntegerField("à")
    slot_minutes = models.PositiveSmallIntegerField("durée d'un créneau", default=20)
    from_on = models.DateField("à partir du")
    until_on = models.DateField("jusqu'au", null=True, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["weekday", "starts_minute", "pk"]
        constraints = [
            *offer_constraints("period"),
            models.CheckConstraint(
                condition=Q(weekday__in=Weekday.values), name="period_weekday_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_minute__gt=F("starts_minute"), ends_minute__lte=1440),
                name="period_ends_after_it_starts",
                violation_error_message="L'heure de fin doit suivre l'heure de début.",
            ),
            models.CheckConstraint(
                condition=Q(slot_minutes__range=(SLOT_MINUTES_MIN, SLOT_MINUTES_MAX)),
                name="period_slot_minutes_range",
                violation_error_message="Un créneau dure de 5 minutes à 8 heures.",
            ),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="period_dates_in_order",
                violation_error_message="La date de fin précède la date de début.",
            ),
            PostgresExclusion(
                name="period_does_not_overlap",
                expressions=[
                    ("professional", RangeOperators.EQUAL),
                    ("weekday", RangeOperators.EQUAL),
                    (
                        Func(
                            F("starts_minute"),
                            F("ends_minute"),
                            function="int4range",
                            output_field=IntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(
                            F("from_on"),
                            F("until_on"),
                            models.Value("[]"),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self):
        return f"{self.get_weekday_display()} {self.starts_minute}-{self.ends_minute}"


class Opening(Offer):
    """A one-off opening: cut in slots of `slot_minutes`, or one window when it is empty."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="ends_at")

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="openings"
    )
    starts_at = models.DateTimeField("de")
    ends_at = models.DateTimeField("à")
    slot_minutes = models.PositiveSmallIntegerField("durée d'un créneau", null=True, blank=True)
    quick_answer = models.CharField(
        "réponse rapide", max_length=9, choices=QuickAnswer.choices, blank=True
    )

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            *offer_constraints("opening"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="opening_ends_after_it_starts",
                violation_error_message="L'heure de fin doit suivre l'heure de début.",
            ),
            models.CheckConstraint(
                condition=Q(slot_minutes=None)
                | Q(slot_minutes__range=(SLOT_MINUTES_MIN, SLOT_MINUTES_MAX)),
                name="opening_slot_minutes_range",
            ),
            models.CheckConstraint(
                condition=Q(quick_answer__in=["", *QuickAnswer.values]),
                name="opening_quick_answer_known",
            ),
        ]

    def __str__(self):
        return f"{self.starts_at:%F %H:%M}"


class Absence(models.Model):
    """A professional is away between two instants: nothing is offered, what was booked is told."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.AVAILABILITY, ends=Coalesce("ended_at", "ends_at")
    )

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="absences"
    )
    starts_at = models.DateTimeField("du")
    ends_at = models.DateTimeField("au")
    reason = models.CharField(
        "motif", max_length=8, choices=AbsenceReason.choices, default=AbsenceReason.AWAY
    )
    ended_at = models.DateTimeField("levée le", null=True, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="absence_ends_after_it_starts",
                violation_error_message="La fin de l'absence doit suivre son début.",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=AbsenceReason.values), name="absence_reason_known"
            ),
        ]

    def __str__(self):
        return f"{self.professional_id}: {self.starts_at:%F} - {self.ends_at:%F}"
