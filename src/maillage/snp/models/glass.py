"""Bris de glace: one request's identity opened to somebody without a care relation, and reviewed."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import SealedTextField, opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.snp.enums import GlassMotive, GlassReview
from maillage.snp.models.request import CareRequest


class BreakGlassQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """One's own; whoever reviews them: all of the CPTS."""
        if actor.may(Permission.BREAK_GLASS_REVIEW, actor.cpts_id):
            return self.filter(cpts=actor.cpts_id)
        if actor.may(Permission.BREAK_GLASS, actor.cpts_id):
            return self.filter(cpts=actor.cpts_id, seat=actor.seat_id)
        return self.none()


class BreakGlass(OfCpts):
    """One opening: who, which request, why, until when; then what the review said of it."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request", erases={"reason": ""}
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    care_request = models.ForeignKey(CareRequest, on_delete=models.PROTECT, related_name="openings")
    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    motive = models.CharField("motif", max_length=12, choices=GlassMotive.choices)
    reason = SealedTextField("précision", max_length=200, blank=True)
    opened_at = models.DateTimeField("ouvert à")
    until = models.DateTimeField("ouvert jusqu'à")
    review = models.CharField(max_length=13, choices=GlassReview.choices, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = scoped(BreakGlassQuerySet)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            *tenant_constraints("break_glass"),
            TenantForeignKey(field="care_request", name="break_glass_request_same_cpts"),
            TenantForeignKey(field="seat", name="break_glass_seat_same_cpts"),
            TenantForeignKey(field="reviewed_by", name="break_glass_reviewed_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(motive__in=GlassMotive.values), name="break_glass_motive_known"
            ),
            models.CheckConstraint(
                condition=Q(until__gt=F("opened_at")), name="break_glass_ends_after_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(review="", reviewed_at=None, reviewed_by=None)
                | Q(
                    review__in=GlassReview.values,
                    reviewed_at__isnull=False,
                    reviewed_by__isnull=False,
                ),
                name="break_glass_review_all_or_nothing",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} {self.opened_at:%F %H:%M}"
