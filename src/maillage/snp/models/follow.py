"""What follows a request: tries at telling the patient, the hand-over, the history."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import SealedTextField, opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass
from maillage.snp.enums import (
    CallResult,
    CallTo,
    CareRequestStatus,
    Circle,
    EventKind,
    InformMeans,
    InformResult,
)
from maillage.snp.models.desk import RedFlag
from maillage.snp.models.request import CareRequest


class InformAttempt(OfCpts):
    """One try at telling the patient: by whom, how, and what came of it. Never changed."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request"
    )

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

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request", erases={"taken_over_by": ""}
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
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
    taken_over_by = SealedTextField("reprise par", max_length=120, blank=True)

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
                    # Who took it over is emptied with the request, in its time.
                    Q(confirmed_at__isnull=False, confirmed_by__isnull=False)
                ),
                name="hand_over_confirmed_all_or_nothing",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} -> 15"


class CareRequestEvent(OfCpts):
    """One line of the history shown on screen, with its author. Never changed."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request", erases={"text": ""}
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    care_request = models.ForeignKey(CareRequest, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField("à")
    kind = models.CharField(max_length=11, choices=EventKind.choices)
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    by_kind = models.CharField(max_length=6)
    text = SealedTextField("texte", max_length=300)
    # How the request stood once this was done: what replays a case minute by minute.
    status = models.CharField(max_length=11, choices=CareRequestStatus.choices)
    circle = models.CharField(max_length=12, choices=Circle.choices)
    owner = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("care_request_event"),
            TenantForeignKey(field="owner", name="care_request_event_owner_same_cpts"),
            TenantForeignKey(field="care_request", name="care_request_event_same_cpts"),
            TenantForeignKey(field="by_seat", name="care_request_event_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values), name="care_request_event_kind_known"
            ),
        ]

    def __str__(self):
        return self.text


class Call(OfCpts):
    """One call made by the desk about a request: to whom, and what came of it. Never changed."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request"
    )

    care_request = models.ForeignKey(CareRequest, on_delete=models.PROTECT, related_name="calls")
    at = models.DateTimeField("à")
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    to = models.CharField("à qui", max_length=12, choices=CallTo.choices)
    professional = models.ForeignKey(
        Professional, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    result = models.CharField("résultat", max_length=12, choices=CallResult.choices)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("call"),
            TenantForeignKey(field="care_request", name="call_request_same_cpts"),
            TenantForeignKey(field="by_seat", name="call_by_same_cpts"),
            models.CheckConstraint(condition=Q(to__in=CallTo.values), name="call_to_known"),
            models.CheckConstraint(
                condition=Q(result__in=CallResult.values), name="call_result_known"
            ),
            models.CheckConstraint(
                condition=Q(to=CallTo.PROFESSIONAL) | Q(professional=None),
                name="call_names_a_professional_only_when_called",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} {self.to} {self.result}"


class Shortlist(OfCpts):
    """What the ranking said of everybody of the asked profession when a person chose, or when a
    circle opened: the answer to "why was Dr X not asked?". Never changed.

    `people` lists [professional id, rank from 1 or 0, sentence number in `sentences` or -1].
    """

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="care_request"
    )

    care_request = models.ForeignKey(
        CareRequest, on_delete=models.PROTECT, related_name="shortlists"
    )
    at = models.DateTimeField("à")
    circle = models.CharField(max_length=12, choices=Circle.choices)
    people = models.JSONField(default=list)
    sentences = models.JSONField(default=list)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("shortlist"),
            TenantForeignKey(field="care_request", name="shortlist_request_same_cpts"),
            models.CheckConstraint(
                condition=Q(circle__in=Circle.values), name="shortlist_circle_known"
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} {self.at:%F %H:%M}"
