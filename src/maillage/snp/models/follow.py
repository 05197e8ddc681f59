"""What follows a request: tries at telling the patient, the hand-over, the history."""

from django.db import models
from django.db.models import Q

from maillage.accounts.models import Seat
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import tenant_constraints
from maillage.snp.enums import (
    EventKind,
    InformMeans,
    InformResult,
)
from maillage.snp.models.desk import OfCpts, RedFlag, scoped
from maillage.snp.models.request import CareRequest


class InformAttempt(OfCpts):
    """One try at telling the patient: by whom, how, and what came of it. Never changed."""

    care_request = models.ForeignKey(
        CareRequest, on_delete=models.PROTECT, related_name="inform_attempts"
    )
    at = models.DateTimeField("à")
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    means = models.CharField("moyen", max_length=9, choices=InformMeans.choices)
    result = models.CharField("résultat", max_length=11, choices=InformResult.choices)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("inform_attempt"),
            TenantForeignKey(field="care_request", name="inform_attempt_request_same_cpts"),
            TenantForeignKey(field="by_seat", name="inform_attempt_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(means__in=InformMeans.values), name="inform_attempt_means_known"
            ),
            models.CheckConstraint(
                condition=Q(result__in=InformResult.values), name="inform_attempt_result_known"
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} {self.result}"


class HandOver(OfCpts):
    """A request given to the 15: the sign if there was one, and who took it over there, when."""

    care_request = models.OneToOneField(
        CareRequest, on_delete=models.PROTECT, related_name="hand_over"
    )
    red_flag = models.ForeignKey(
        RedFlag, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField("transmise à")
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField("reprise à", null=True, blank=True)
    confirmed_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_over_by = models.CharField("reprise par", max_length=120, blank=True)

    objects = scoped(models.QuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("hand_over"),
            TenantForeignKey(field="care_request", name="hand_over_request_same_cpts"),
            TenantForeignKey(field="red_flag", name="hand_over_flag_same_cpts"),
            TenantForeignKey(field="by_seat", name="hand_over_by_same_cpts"),
            TenantForeignKey(field="confirmed_by", name="hand_over_confirmed_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None, taken_over_by="")
                | (
                    Q(confirmed_at__isnull=False, confirmed_by__isnull=False) & ~Q(taken_over_by="")
                ),
                name="hand_over_confirmed_all_or_nothing",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} -> 15"


class CareRequestEvent(OfCpts):
    """One line of the history shown on screen, with its author. Never changed."""

    care_request = models.ForeignKey(CareRequest, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField("à")
    kind = models.CharField(max_length=11, choices=EventKind.choices)
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    by_kind = models.CharField(max_length=6)
    text = models.CharField("texte", max_length=300)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("care_request_event"),
            TenantForeignKey(field="care_request", name="care_request_event_same_cpts"),
            TenantForeignKey(field="by_seat", name="care_request_event_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values), name="care_request_event_kind_known"
            ),
        ]

    def __str__(self):
        return self.text
