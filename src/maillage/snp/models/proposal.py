"""The places offered to a request, and who may answer them."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from maillage.accounts.models import Seat
from maillage.availability.models import Booking
from maillage.directory.models import Locum, Professional, ProfessionalAccount
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.snp.enums import AppointmentOutcome, Circle, ProposalState, RefusalReason
from maillage.snp.models.desk import DeskSettings
from maillage.snp.models.ladder import Agreement


def replacing(locums, on) -> Exists:
    """A proposal one of these professionals answers for on the day `on`, as a locum: made while they
    replace, or whose appointment falls then. What came before stays the replaced professional's."""
    during = Locum.objects.in_force(on).filter(
        Q(from_on__lte=OuterRef("sent_at__date"))
        | Q(
            from_on__lte=OuterRef("booking__slot__starts_at__date"),
            until_on__gte=OuterRef("booking__slot__starts_at__date"),
        ),
        replaced=OuterRef("professional"),
        locum__in=locums,
    )
    return Exists(during)


class ProposalQuerySet(models.QuerySet):
    def asked_of(self, user_id, on):
        """Those this account answers on the day `on`: made to its own record, or as a locum."""
        if user_id is None:
            return self.none()
        mine = ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
        mine = mine.values("professional")
        return self.filter(Q(professional__in=mine) | Q(replacing(mine, on)))

    def within_relation(self, cpts_id, now):
        """Of a request not over, or over for less than the dated setting: after, nothing of it is for
        a professional any more."""
        settings = DeskSettings.objects.filter(cpts=cpts_id).in_force(now)
        days = settings.values_list("relation_days", flat=True).first() or 0
        return self.filter(
            Q(care_request__closed_at=None)
            | Q(care_request__closed_at__gt=now - timedelta(days=days)),
            cpts=cpts_id,
        )

    def visible_to(self, actor):
        if actor.may(Permission.SNP_DESK, actor.cpts_id):
            return self.filter(cpts=actor.cpts_id)
        if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
            mine = self.asked_of(actor.user_id, timezone.localdate())
            return mine.within_relation(actor.cpts_id, timezone.now())
        return self.none()

    def live(self):
        return self.filter(state=ProposalState.SENT)


class Proposal(OfCpts):
    """A place offered to a request: asked of a professional, or booked for them and told.

    `explanation` keeps, line by line, the reasons shown when it was chosen; `runner_up` why the next
    came after.
    """

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST,
        part_of="care_request",
        erases={"explanation": "", "runner_up": ""},
    )

    care_request = models.ForeignKey(
        "snp.CareRequest", on_delete=models.PROTECT, related_name="proposals"
    )
    professional = models.ForeignKey(Professional, on_delete=models.PROTECT, related_name="+")
    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="proposal")
    state = models.CharField(
        max_length=9, choices=ProposalState.choices, default=ProposalState.SENT
    )
    sent_at = models.DateTimeField("envoyée à")
    sent_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField("répondre avant")
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by_seat = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_via = models.CharField(max_length=6, blank=True)
    refusal_reason = models.CharField(max_length=12, choices=RefusalReason.choices, blank=True)
    circle = models.CharField(max_length=12, choices=Circle.choices, default=Circle.CPTS)
    # Asked through an agreement with a neighbour CPTS.
    agreement = models.ForeignKey(
        Agreement, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # The deadline (hours) the place was already after when a person chose it; 0 when in time.
    late_hours = models.PositiveSmallIntegerField("choisie après le délai de (h)", default=0)
    counter_at = models.DateTimeField("autre heure proposée", null=True, blank=True)
    # The professional who answered for the one asked (their locum).
    locum = models.ForeignKey(
        Professional, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    outcome = models.CharField(
        "issue du rendez-vous", max_length=9, choices=AppointmentOutcome.choices, blank=True
    )
    outcome_at = models.DateTimeField("issue notée à", null=True, blank=True)
    travel_minutes = models.FloatField("trajet (min)", null=True, blank=True)
    explanation = models.TextField("raisons", blank=True)
    runner_up = models.CharField("suivant", max_length=300, blank=True)

    objects = scoped(ProposalQuerySet)

    class Meta:
        ordering = ["-sent_at", "-pk"]
        constraints = [
            *tenant_constraints("proposal"),
            TenantForeignKey(field="care_request", name="proposal_request_same_cpts"),
            TenantForeignKey(field="booking", name="proposal_booking_same_cpts"),
            TenantForeignKey(field="sent_by", name="proposal_sent_by_same_cpts"),
            TenantForeignKey(field="answered_by_seat", name="proposal_answered_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(state__in=ProposalState.values), name="proposal_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=ProposalState.REFUSED, refusal_reason__in=RefusalReason.values)
                | (~Q(state=ProposalState.REFUSED) & Q(refusal_reason="")),
                name="proposal_refused_says_why",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        ProposalState.ACCEPTED,
                        ProposalState.REFUSED,
                        ProposalState.COUNTERED,
                    ],
                    answered_at__isnull=False,
                )
                | Q(state=ProposalState.SENT, answered_at=None)
                | Q(state__in=[ProposalState.EXPIRED, ProposalState.WITHDRAWN]),
                name="proposal_answered_says_when",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", outcome_at=None)
                | Q(outcome__in=AppointmentOutcome.values, outcome_at__isnull=False),
                name="proposal_outcome_says_when",
            ),
            models.CheckConstraint(
                condition=Q(circle__in=Circle.values), name="proposal_circle_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.COUNTERED) | Q(counter_at__isnull=False),
                name="proposal_countered_says_when",
            ),
            models.UniqueConstraint(
                fields=["care_request"],
                condition=Q(state=ProposalState.ACCEPTED),
                name="proposal_one_accepted",
                violation_error_message="Cette demande a déjà trouvé un professionnel.",
            ),
            models.UniqueConstraint(
                fields=["care_request", "professional"],
                condition=Q(state=ProposalState.SENT),
                name="proposal_asked_once",
                violation_error_message="Ce professionnel a déjà une proposition en cours.",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state=ProposalState.SENT), name="proposal_due"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state=ProposalState.COUNTERED),
                name="proposal_counter_due",
            ),
            models.Index(
                fields=["cpts", "professional", "answered_at"],
                condition=Q(state=ProposalState.ACCEPTED),
                name="proposal_load",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} -> {self.professional_id}"
