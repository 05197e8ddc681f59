"""One doctor proposed to one resident, and what they answered."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional, ProfessionalAccount
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.medecin_traitant.enums import (
    LIVE,
    AnsweredVia,
    AttributionState,
    RefusalReason,
)
from maillage.medecin_traitant.models.request import DoctorRequest


class AttributionQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The desk and the coordination: all; a doctor: what waits for their answer or what they
        accepted; the holder of a link: the one it names."""
        rows = self.filter(cpts=actor.cpts_id).select_related(
            "cpts", "professional", "doctor_request__commune", "doctor_request__resident"
        )
        if actor.kind == "link":
            kind, _, pk = getattr(actor, "target", "").partition(":")
            return rows.filter(pk=int(pk)) if kind == "attribution" else self.none()
        if actor.may(Permission.MT_DESK, actor.cpts_id) or actor.may(
            Permission.MT_COORDINATE, actor.cpts_id
        ):
            return rows
        if actor.may(Permission.MT_PROFESSIONAL, actor.cpts_id):
            mine = ProfessionalAccount.objects.filter(user=actor.user_id, ended_on=None)
            return rows.live().filter(professional__in=mine.values("professional"))
        return self.none()

    def live(self):
        return self.filter(state__in=LIVE)


class Attribution(OfCpts):
    """A doctor is proposed to somebody who waits; the doctor accepts, or refuses with a reason of a
    closed list. Until they accept they see no name and nothing of health."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="doctor_request"
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    doctor_request = models.ForeignKey(
        DoctorRequest, on_delete=models.PROTECT, related_name="attributions"
    )
    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="attributions", verbose_name="médecin"
    )
    state = models.CharField(
        max_length=9, choices=AttributionState.choices, default=AttributionState.SENT
    )
    sent_at = models.DateTimeField("proposée le")
    sent_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    answer_by = models.DateField("réponse attendue avant le")
    answered_at = models.DateTimeField("répondue le", null=True, blank=True)
    answered_via = models.CharField(
        "répondue par", max_length=12, choices=AnsweredVia.choices, blank=True
    )
    answered_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    refusal_reason = models.CharField(
        "raison du refus", max_length=13, choices=RefusalReason.choices, blank=True
    )

    objects = scoped(AttributionQuerySet)

    class Meta:
        ordering = ["sent_at", "pk"]
        constraints = [
            *tenant_constraints("attribution"),
            TenantForeignKey(field="doctor_request", name="attribution_request_same_cpts"),
            TenantForeignKey(field="sent_by", name="attribution_sent_by_same_cpts"),
            TenantForeignKey(field="answered_by", name="attribution_answered_by_same_cpts"),
            models.UniqueConstraint(
                fields=["doctor_request"],
                condition=Q(state__in=LIVE),
                name="attribution_one_live_per_request",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AttributionState.values), name="attribution_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=AttributionState.REFUSED, refusal_reason__in=RefusalReason.values)
                | (~Q(state=AttributionState.REFUSED) & Q(refusal_reason="")),
                name="attribution_refused_says_why",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_via="")
                | Q(
                    answered_at__isnull=False,
                    answered_at__gte=F("sent_at"),
                    answered_via__in=AnsweredVia.values,
                ),
                name="attribution_answered_all_or_nothing",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[AttributionState.ACCEPTED, AttributionState.REFUSED])
                | Q(answered_at__isnull=False),
                name="attribution_answered_says_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["cpts", "answer_by"],
                condition=Q(state=AttributionState.SENT),
                name="attribution_due",
            )
        ]

    def __str__(self):
        return f"{self.doctor_request_id} -> {self.professional_id}"
