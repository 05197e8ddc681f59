"""A request, and the numbers it is told by."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.directory.enums import CareKind, Profession, Speciality
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import KeyedHashField, SealedTextField, opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.residents.models import InformationGiven, Resident, SharingAgreement
from maillage.snp.enums import (
    OPEN,
    AgeBand,
    CancelledBy,
    CareRequestStatus,
    Channel,
    Circle,
    InformState,
    OwnerReason,
    Reason,
)
from maillage.snp.models.ladder import Ring
from maillage.snp.models.proposal import Proposal
from maillage.territory.models import Commune


class CareRequestQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The desk and the coordinator: all; a professional: those proposed to them; others: none."""
        if actor.may(Permission.SNP_DESK, actor.cpts_id) or actor.may(
            Permission.SNP_COUNTS, actor.cpts_id
        ):
            return self.filter(cpts=actor.cpts_id).select_related("commune")
        if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
            mine = Proposal.objects.visible_to(actor).values("care_request")
            return self.filter(cpts=actor.cpts_id, pk__in=mine).select_related("commune")
        return self.none()

    def open(self):
        return self.filter(status__in=OPEN)


class CareRequest(OfCpts):
    """A need for care that cannot wait, reported to the desk of a CPTS."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST,
        ends="closed_at",
        holds=("resident",),
        erases={
            "phone": "",
            "phone_key": "",
            "caller_name": "",
            "note": "",
            "to_tell": "",
            "alert": "",
            "usual_doctor": None,
        },
        counted_by=("profession", "channel", "status"),
    )

    Status = CareRequestStatus

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    number = models.PositiveIntegerField("n°")
    form_key = models.CharField(max_length=36)  # one form, one request: double clicks and retries
    received_at = models.DateTimeField("reçue à")
    received_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField("canal", max_length=12, choices=Channel.choices)
    profession = models.CharField(
        "profession demandée",
        max_length=2,
        choices=Profession.choices,
        default=Profession.DOCTOR,
    )
    speciality = models.CharField(
        "spécialité demandée", max_length=5, choices=Speciality.choices, blank=True
    )
    reason = models.CharField("motif", max_length=12, choices=Reason.choices, blank=True)
    note = SealedTextField("précision", max_length=200, blank=True)
    age_band = models.CharField("âge", max_length=7, choices=AgeBand.choices, blank=True)
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, related_name="+")
    phone = SealedTextField("numéro à rappeler", max_length=16, blank=True)
    phone_key = KeyedHashField(of="phone")
    caller_name = SealedTextField("appelant", max_length=80, blank=True)
    sms_allowed = models.BooleanField(
        "numéro du patient, ou SMS accepté par l'appelant", default=False
    )
    resident = models.ForeignKey(
        Resident, null=True, blank=True, on_delete=models.PROTECT, related_name="care_requests"
    )
    usual_doctor = models.ForeignKey(
        Professional,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="médecin traitant",
    )
    can_travel = models.BooleanField("peut se déplacer", default=True)
    kind = models.CharField("lieu de soin", max_length=6, choices=CareKind.choices, blank=True)
    status = models.CharField(
        max_length=11, choices=CareRequestStatus.choices, default=CareRequestStatus.NEW
    )
    sas_regulated = models.BooleanField("demandée par le médecin régulateur du SAS", default=False)
    owner = models.ForeignKey(
        Seat,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_care_requests",
        verbose_name="responsable",
    )
    owned_at = models.DateTimeField("responsable depuis", null=True, blank=True)
    owner_why = models.CharField(max_length=13, choices=OwnerReason.choices, blank=True)
    ring = models.ForeignKey(
        Ring,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="cercle",
    )
    circle = models.CharField(
        "cercle ouvert", max_length=12, choices=Circle.choices, default=Circle.CPTS
    )
    circle_at = models.DateTimeField("cercle ouvert à", null=True, blank=True)
    circle_until = models.DateTimeField("cercle suivant à", null=True, blank=True)
    # Somebody of the desk is awaited since; what the reminders count from.
    waiting_since = models.DateTimeField("attend un acte depuis", null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    # The next instant the clock looks at it: a reminder, or a deadline coming near.
    watch_at = models.DateTimeField(null=True, blank=True)
    warned_hours = models.PositiveSmallIntegerField("délai annoncé bientôt dépassé", default=0)
    planned_at = models.DateTimeField("soin prévu à", null=True, blank=True)
    care_started_at = models.DateTimeField("soin commencé à", null=True, blank=True)
    to_tell = SealedTextField("à dire au patient", max_length=160, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    # Its own reception, once a double received before it was merged into it.
    own_received_at = models.DateTimeField("reçue, avant fusion, à", null=True, blank=True)
    # Fields that `merged_into` took from it, to be taken back if the merge was a mistake.
    lent = models.JSONField("repris par la fusion", default=list, blank=True)
    flags_checked_at = models.DateTimeField("signes demandés à")
    flags_checked_by = models.ForeignKey(
        Seat, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # The patient's agreement to share, the last one; and that they were told what is done.
    sharing = models.ForeignKey(
        SharingAgreement,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="care_requests",
    )
    information = models.ForeignKey(
        InformationGiven, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    inform_state = models.CharField(
        max_length=11, choices=InformState.choices, default=InformState.NOT_YET
    )
    alert = models.CharField("alerte", max_length=200, blank=True)
    cancelled_by = models.CharField(max_length=12, choices=CancelledBy.choices, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField("effacée le", null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    objects = scoped(CareRequestQuerySet)

    class Meta:
        ordering = ["received_at", "pk"]
        constraints = [
            *tenant_constraints("care_request"),
            models.UniqueConstraint(fields=["cpts", "number"], name="care_request_number"),
            models.UniqueConstraint(fields=["cpts", "form_key"], name="care_request_form_once"),
            TenantForeignKey(field="received_by", name="care_request_received_by_same_cpts"),
            TenantForeignKey(field="owner", name="care_request_owner_same_cpts"),
            TenantForeignKey(field="ring", name="care_request_ring_same_cpts"),
            TenantForeignKey(field="merged_into", name="care_request_merged_same_cpts"),
            TenantForeignKey(field="flags_checked_by", name="care_request_flags_by_same_cpts"),
            TenantForeignKey(field="sharing", name="care_request_sharing_same_cpts"),
            TenantForeignKey(field="information", name="care_request_information_same_cpts"),
            TenantForeignKey(field="resident", name="care_request_resident_same_cpts"),
            models.CheckConstraint(
                condition=Q(status__in=CareRequestStatus.values), name="care_request_status_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="care_request_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(profession__in=Profession.values), name="care_request_profession_known"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=Reason.values, age_band__in=AgeBand.values)
                | Q(
                    status=CareRequestStatus.HANDED_OVER,
                    reason__in=["", *Reason.values],
                    age_band__in=["", *AgeBand.values],
                ),
                name="care_request_says_why_and_how_old",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["", *CareKind.values]), name="care_request_kind_known"
            ),
            models.CheckConstraint(
                condition=~Q(phone="") | Q(closed_at__isnull=False),
                name="care_request_open_has_a_phone",
            ),
            models.CheckConstraint(
                condition=Q(owner=None, owned_at=None, owner_why="")
                | Q(
                    owner__isnull=False,
                    owned_at__isnull=False,
                    owner_why__in=OwnerReason.values,
                ),
                name="care_request_owner_all_or_nothing",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(closed_at__isnull=False),
                name="care_request_open_has_an_owner",
                violation_error_message="Une demande ouverte a toujours un responsable nommé.",
            ),
            models.CheckConstraint(
                condition=Q(circle__in=Circle.values), name="care_request_circle_known"
            ),
            models.CheckConstraint(
                condition=Q(status=CareRequestStatus.MERGED, merged_into__isnull=False)
                | (~Q(status=CareRequestStatus.MERGED) & Q(merged_into=None)),
                name="care_request_merged_says_where",
            ),
            models.CheckConstraint(
                condition=Q(own_received_at=None) | Q(received_at__lt=F("own_received_at")),
                name="care_request_own_reception_is_later",
            ),
            models.CheckConstraint(
                condition=Q(care_started_at=None) | Q(status=CareRequestStatus.HONOURED),
                name="care_request_care_started_is_honoured",
            ),
            models.CheckConstraint(
                condition=Q(status=CareRequestStatus.CANCELLED, cancelled_by__in=CancelledBy.values)
                | (~Q(status=CareRequestStatus.CANCELLED) & Q(cancelled_by="")),
                name="care_request_cancelled_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        CareRequestStatus.HONOURED,
                        CareRequestStatus.CANCELLED,
                        CareRequestStatus.MERGED,
                    ],
                    closed_at__isnull=False,
                )
                | Q(status=CareRequestStatus.HANDED_OVER)
                | Q(status__in=OPEN, closed_at=None),
                name="care_request_closed_says_when",
            ),
            models.CheckConstraint(
                condition=Q(inform_state__in=InformState.values),
                name="care_request_inform_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(status=CareRequestStatus.INFORMED) | Q(inform_state="informed"),
                name="care_request_informed_is_informed",
            ),
        ]
        indexes = [
            models.Index(fields=["cpts", "phone_key"], name="care_request_phone"),
            models.Index(
                fields=["cpts", "received_at"],
                condition=Q(status__in=OPEN),
                name="care_request_open",
            ),
            models.Index(
                fields=["circle_until"],
                condition=Q(circle_until__isnull=False),
                name="care_request_circle_due",
            ),
            models.Index(
                fields=["watch_at"], condition=Q(watch_at__isnull=False), name="care_request_watch"
            ),
        ]

    def __str__(self):
        return f"n° {self.number}"


class CareRequestNumber(OfCpts):
    """The next request number of a CPTS, under a lock: holes allowed, doubles not."""

    retention: ClassVar[Retention] = nobody("compteur de numéros")

    next_number = models.PositiveIntegerField(default=1)

    objects = scoped(models.QuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("care_request_number"),
            models.UniqueConstraint(fields=["cpts"], name="care_request_number_one_counter"),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.next_number}"
