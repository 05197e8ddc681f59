from typing import ClassVar

from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.fields.ranges import DateRangeField, IntegerRangeField
from django.db import models
from django.db.models import Count, Exists, F, Func, OuterRef, Q
from django.utils import timezone

from maillage.availability.enums import (
    CAPACITY_MAX,
    LIVE,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    AbsenceReason,
    BookingMode,
    BookingState,
    QuickAnswer,
    Weekday,
)
from maillage.directory.enums import CareKind
from maillage.directory.models import Delegation, Place, Professional, ProfessionalAccount
from maillage.kernel.constraints import PostgresExclusion
from maillage.kernel.models import NATIONAL, tenant_constraints
from maillage.territory.models import Cpts


def kept_by(user_id):
    """Professionals whose availability this account keeps: themselves, and those who delegated."""
    if user_id is None:
        return Professional.objects.none()
    mine = ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
    delegated = Delegation.objects.in_force(timezone.localdate()).filter(secretary=user_id)
    return Professional.objects.filter(
        Q(pk__in=mine.values("professional")) | Q(pk__in=delegated.values("professional"))
    )


class RuleQuerySet(models.QuerySet):
    """Periods, openings, absences: national rows, reached only by whoever keeps them."""

    def visible_to(self, actor):
        return self.filter(professional__in=kept_by(actor.user_id))


class UsualVisibility(models.Model):
    """The set of audiences a professional chose for what they open. No row: nothing is visible."""

    tenancy: ClassVar[str] = NATIONAL

    professional = models.OneToOneField(
        Professional, primary_key=True, on_delete=models.CASCADE, related_name="usual_visibility"
    )
    for_public = models.BooleanField("tout public", default=False)
    for_pro = models.BooleanField("professionnels", default=False)
    for_snp = models.BooleanField("soins non programmés", default=False)
    for_cpts = models.BooleanField("membres de la CPTS", default=False)
    chosen_at = models.DateTimeField()
    chosen_by = models.BigIntegerField("compte qui a choisi", null=True)

    def __str__(self):
        return f"visibilité de {self.professional_id}"


class CptsVisibility(models.Model):
    """What a professional gives to one CPTS: its SNP desk, its members. Withdrawn at once."""

    tenancy: ClassVar[str] = NATIONAL

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="cpts_visibilities"
    )
    cpts = models.ForeignKey(Cpts, on_delete=models.CASCADE, related_name="+")
    snp = models.BooleanField("à sa régulation SNP", default=False)
    members = models.BooleanField("à ses membres", default=False)
    chosen_at = models.DateTimeField()
    chosen_by = models.BigIntegerField("compte qui a choisi", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["professional", "cpts"], name="cpts_visibility_once")
        ]

    def __str__(self):
        return f"{self.professional_id} -> {self.cpts_id}"


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


class SlotQuerySet(models.QuerySet):
    def open(self, now):
        """Not withdrawn, not begun (a window: not over), and its professional not away."""
        away = Absence.objects.filter(
            professional=OuterRef("professional"),
            ended_at=None,
            starts_at__lt=OuterRef("ends_at"),
            ends_at__gt=OuterRef("starts_at"),
        )
        return self.filter(
            Q(starts_at__gte=now) | Q(is_window=True, ends_at__gt=now),
            ~Exists(away),
            closed_at=None,
        )

    def given_to(self, cpts):
        """Slots the desk of this CPTS may see: what each professional chose, CPTS by CPTS."""
        given = CptsVisibility.objects.filter(
            Q(snp=True) & Q(snp=OuterRef("for_snp"))
            | Q(members=True) & Q(members=OuterRef("for_cpts")),
            professional=OuterRef("professional"),
            cpts=cpts,
        )
        return self.filter(
            Q(for_public=True) | Q(for_pro=True) | Exists(given),
            Exists(UsualVisibility.objects.filter(professional=OuterRef("professional"))),
        )

    def with_places_left(self):
        """Adds `places_left`, counted whatever the CPTS that took the others."""
        return self.annotate(
            places_left=F("capacity") - Count("bookings", filter=Q(bookings__state__in=LIVE))
        )


class Slot(Offer):
    """A moment offered by a professional, computed from a rule for a rolling horizon.

    Free slots come and go with the rules; one that was ever booked is kept and only closed.
    """

    tenancy: ClassVar[str] = NATIONAL

    professional = models.ForeignKey(Professional, on_delete=models.PROTECT, related_name="slots")
    period = models.ForeignKey(
        WeeklyPeriod, null=True, blank=True, on_delete=models.SET_NULL, related_name="slots"
    )
    opening = models.ForeignKey(
        Opening, null=True, blank=True, on_delete=models.SET_NULL, related_name="slots"
    )
    starts_at = models.DateTimeField("de")
    ends_at = models.DateTimeField("à")
    # A window is answered at any time until it ends; a cut slot must be taken before it starts.
    is_window = models.BooleanField("plage sans heure fixe", default=False)
    closed_at = models.DateTimeField("retiré le", null=True, blank=True)

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            *offer_constraints("slot"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="slot_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(period=None) | Q(opening=None), name="slot_has_one_source"
            ),
            models.UniqueConstraint(
                fields=["period", "starts_at"],
                condition=Q(closed_at=None, period__isnull=False),
                name="slot_once_per_period",
            ),
            models.UniqueConstraint(
                fields=["opening", "starts_at"],
                condition=Q(closed_at=None, opening__isnull=False),
                name="slot_once_per_opening",
            ),
        ]
        indexes = [
            models.Index(
                fields=["professional", "starts_at"],
                condition=Q(closed_at=None),
                name="slot_open_by_professional",
            ),
        ]

    def __str__(self):
        return f"{self.professional_id} {self.starts_at:%F %H:%M}"


class BookingQuerySet(models.QuerySet):
    def under_absence(self):
        """Taken places whose professional has since said they will be away."""
        away = Absence.objects.filter(
            professional=OuterRef("slot__professional"),
            ended_at=None,
            starts_at__lt=OuterRef("slot__ends_at"),
            ends_at__gt=OuterRef("slot__starts_at"),
        )
        return self.filter(Exists(away), state=BookingState.TAKEN)


class Booking(models.Model):
    """A place of a slot held or taken by a CPTS. Says nothing of whom it is for.

    National, because every CPTS must count the places of a slot; a CPTS reads its own rows only
    through what points to them.
    """

    tenancy: ClassVar[str] = NATIONAL

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="bookings")
    place_number = models.PositiveSmallIntegerField("n° de place")
    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=BookingState.choices)
    held_until = models.DateTimeField("retenue jusqu'à", null=True, blank=True)
    changed_at = models.DateTimeField()

    objects = BookingQuerySet.as_manager()

    class Meta:
        constraints = [
            *tenant_constraints("booking"),
            models.UniqueConstraint(
                fields=["slot", "place_number"],
                condition=Q(state__in=LIVE),
                name="booking_one_live_per_place",
            ),
            models.CheckConstraint(
                condition=Q(state__in=BookingState.values), name="booking_state_known"
            ),
            models.CheckConstraint(condition=Q(place_number__gte=1), name="booking_place_from_1"),
            models.CheckConstraint(
                condition=Q(state=BookingState.HELD, held_until__isnull=False)
                | (~Q(state=BookingState.HELD) & Q(held_until=None)),
                name="booking_held_says_until_when",
            ),
        ]

    def __str__(self):
        return f"{self.slot_id} #{self.place_number} {self.state}"
