"""What is offered, computed from the rules, and the places taken in it."""

from typing import ClassVar

from django.db import models
from django.db.models import Count, Exists, F, Func, OuterRef, Q

from maillage.availability.enums import LIVE, BookingState
from maillage.availability.models.rules import (
    Absence,
    Offer,
    Opening,
    WeeklyPeriod,
    offer_constraints,
)
from maillage.availability.models.visibility import (
    AskingPreferences,
    CptsVisibility,
    UsualVisibility,
)
from maillage.directory.models import Place, Professional
from maillage.kernel.models import NATIONAL, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass
from maillage.territory.models import Cpts


class UtcMinute(Func):
    """Whole minutes of an instant since 1970-01-01T00:00Z, as `compute.intervals` counts them.

    Ten times cheaper to read than an instant, when many are only compared.
    """

    output_field = models.BigIntegerField()

    def as_postgresql(self, compiler, connection, **context):
        template = "(EXTRACT(EPOCH FROM %(expressions)s)::bigint / 60)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler, connection, **context):
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / 60)"
        return self.as_sql(compiler, connection, template=template, **context)


class SlotQuerySet(models.QuerySet):
    def not_away(self):
        """Those whose professional did not say they would be away."""
        away = Absence.objects.filter(
            professional=OuterRef("professional"),
            ended_at=None,
            starts_at__lt=OuterRef("ends_at"),
            ends_at__gt=OuterRef("starts_at"),
        )
        return self.filter(~Exists(away))

    def not_over(self, now):
        """Not withdrawn, not begun (a window: not over)."""
        return self.filter(
            Q(starts_at__gte=now) | Q(is_window=True, ends_at__gt=now), closed_at=None
        )

    def open(self, now):
        """Not withdrawn, not begun (a window: not over), its professional neither away nor paused."""
        paused = AskingPreferences.objects.paused(now).filter(professional=OuterRef("professional"))
        return self.not_over(now).not_away().filter(~Exists(paused))

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
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="ends_at")

    # Copied from the rule, which the database holds to both: checked again for each of millions of
    # rows, they were half the time of a refresh.
    professional = models.ForeignKey(
        Professional,
        on_delete=models.PROTECT,
        related_name="slots",
        db_constraint=False,
        db_index=False,
    )
    place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    period = models.ForeignKey(
        WeeklyPeriod, null=True, blank=True, on_delete=models.SET_NULL, related_name="slots"
    )
    opening = models.ForeignKey(
        Opening,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="slots",
        db_index=False,
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
            models.Index(fields=["professional", "starts_at"], name="slot_by_professional"),
            models.Index(
                fields=["opening"], condition=Q(opening__isnull=False), name="slot_by_opening"
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
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.AVAILABILITY, ends="slot__ends_at"
    )

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
