"""Somebody without a médecin traitant, and what happened to their request."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.directory.enums import Language
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import KeyedHashField, SealedTextField, opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.medecin_traitant.enums import (
    OPEN,
    TRAVEL_MAX,
    TRAVEL_MIN,
    WITH_A_DOCTOR,
    Channel,
    DoctorRequestState,
    EventKind,
    WithdrawalReason,
)
from maillage.residents.models import InformationGiven, Resident, SharingAgreement
from maillage.territory.models import Commune


class DoctorRequestQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The desk and the coordination: all; the holder of a signed link: the one it names."""
        if actor.kind == "link":
            kind, _, pk = getattr(actor, "target", "").partition(":")
            if kind != "doctor_request":
                return self.none()
            return self.filter(cpts=actor.cpts_id, pk=int(pk)).select_related("commune")
        if actor.may(Permission.MT_DESK, actor.cpts_id) or actor.may(
            Permission.MT_COORDINATE, actor.cpts_id
        ):
            return self.filter(cpts=actor.cpts_id).select_related("commune")
        return self.none()

    def open(self):
        return self.filter(state__in=OPEN)

    def to_call(self):
        """Closed, and somebody does not know yet."""
        return self.exclude(state__in=OPEN).exclude(alert="")


class DoctorRequest(OfCpts):
    """Somebody looks for a médecin traitant in this CPTS. Who they are is in `resident`; what says
    something of their health is sealed.

    `waits_since`: what the wait counts from; the first reception, when doubles were merged into it.
    """

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST,
        ends="closed_at",
        holds=("resident",),
        erases={
            "ald": "",
            "c2s": "",
            "last_doctor": "",
            "note": "",
            "code": "",
            "code_key": "",
            "language": "",
            "alert": "",
        },
        counted_by=("channel", "state"),
    )

    State = DoctorRequestState

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    number = models.PositiveIntegerField("n°")
    form_key = models.CharField(max_length=36)  # one form, one request: double clicks and retries
    channel = models.CharField("arrivée par", max_length=12, choices=Channel.choices)
    received_at = models.DateTimeField("reçue le")
    received_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    waits_since = models.DateTimeField("attend depuis")
    resident = models.ForeignKey(
        Resident, on_delete=models.PROTECT, related_name="doctor_requests", verbose_name="habitant"
    )
    commune = models.ForeignKey(
        Commune, on_delete=models.PROTECT, related_name="+", verbose_name="commune"
    )
    household = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="members",
        verbose_name="même foyer que la demande",
    )
    household_size = models.PositiveSmallIntegerField(
        "personnes du foyer sans médecin traitant", default=1
    )
    can_travel = models.BooleanField("peut se déplacer", default=True)
    travel_minutes_max = models.PositiveSmallIntegerField(
        "trajet le plus long accepté (min)", null=True, blank=True
    )
    ald = SealedTextField("ALD", max_length=3, blank=True)
    c2s = SealedTextField("C2S ou AME", max_length=3, blank=True)
    language = models.CharField(
        "langue souhaitée", max_length=3, choices=Language.choices, blank=True
    )
    last_doctor = SealedTextField("dernier médecin", max_length=120, blank=True)
    note = SealedTextField("précision", max_length=200, blank=True)
    sms_allowed = models.BooleanField("SMS accepté", default=False)
    # Given to the resident, with a link: it tells the state, and who they are to nobody.
    code = SealedTextField("code de suivi", max_length=24)
    code_key = KeyedHashField(of="code")
    state = models.CharField(
        max_length=23, choices=DoctorRequestState.choices, default=DoctorRequestState.WAITING
    )
    owner = models.ForeignKey(
        Seat,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_doctor_requests",
        verbose_name="responsable",
    )
    deadline_on = models.DateField("échéance", null=True, blank=True)
    promised_by = models.DateField("réponse promise avant le")
    reminded_at = models.DateTimeField("relancée le", null=True, blank=True)
    alert = models.CharField("alerte", max_length=200, blank=True)
    doctor = models.ForeignKey(
        Professional,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="médecin",
    )
    agreement = models.ForeignKey(
        SharingAgreement, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    information = models.ForeignKey(
        InformationGiven, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    withdrawn_why = models.CharField(
        "retirée parce que", max_length=11, choices=WithdrawalReason.choices, blank=True
    )
    closed_at = models.DateTimeField("close le", null=True, blank=True)
    erased_at = models.DateTimeField("effacée le", null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    objects = scoped(DoctorRequestQuerySet)

    class Meta:
        ordering = ["waits_since", "pk"]
        constraints = [
            *tenant_constraints("doctor_request"),
            models.UniqueConstraint(fields=["cpts", "number"], name="doctor_request_number"),
            models.UniqueConstraint(fields=["cpts", "form_key"], name="doctor_request_form_once"),
            models.UniqueConstraint(
                fields=["cpts", "resident"],
                condition=Q(state__in=OPEN),
                name="doctor_request_one_open_per_resident",
            ),
            TenantForeignKey(field="received_by", name="doctor_request_received_by_same_cpts"),
            TenantForeignKey(field="resident", name="doctor_request_resident_same_cpts"),
            TenantForeignKey(field="household", name="doctor_request_household_same_cpts"),
            TenantForeignKey(field="owner", name="doctor_request_owner_same_cpts"),
            TenantForeignKey(field="agreement", name="doctor_request_agreement_same_cpts"),
            TenantForeignKey(field="information", name="doctor_request_information_same_cpts"),
            TenantForeignKey(field="merged_into", name="doctor_request_merged_same_cpts"),
            models.CheckConstraint(
                condition=Q(state__in=DoctorRequestState.values), name="doctor_request_state_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="doctor_request_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(language__in=["", *Language.values]),
                name="doctor_request_language_known",
            ),
            models.CheckConstraint(
                condition=Q(household_size__gte=1), name="doctor_request_household_of_one"
            ),
            models.CheckConstraint(
                condition=Q(travel_minutes_max=None)
                | Q(travel_minutes_max__gte=TRAVEL_MIN, travel_minutes_max__lte=TRAVEL_MAX),
                name="doctor_request_travel_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(household=None) | ~Q(household=F("id")),
                name="doctor_request_household_is_another",
            ),
            models.CheckConstraint(
                condition=Q(waits_since__lte=F("received_at")),
                name="doctor_request_waits_since_reception",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False, deadline_on__isnull=False)
                | (~Q(state__in=OPEN) & Q(alert="")),
                name="doctor_request_open_has_owner_and_deadline",
                violation_error_message="Une demande ouverte, ou close avec un appel à faire, a un "
                "responsable et une échéance.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, closed_at=None)
                | (~Q(state__in=OPEN) & Q(closed_at__isnull=False)),
                name="doctor_request_closed_says_when",
            ),
            models.CheckConstraint(
                condition=Q(state__in=WITH_A_DOCTOR, doctor__isnull=False)
                | (~Q(state__in=WITH_A_DOCTOR) & Q(doctor=None)),
                name="doctor_request_doctor_where_there_is_one",
            ),
            models.CheckConstraint(
                condition=Q(state=DoctorRequestState.MERGED, merged_into__isnull=False)
                | (~Q(state=DoctorRequestState.MERGED) & Q(merged_into=None)),
                name="doctor_request_merged_says_where",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=DoctorRequestState.WITHDRAWN, withdrawn_why__in=WithdrawalReason.values
                )
                | (~Q(state=DoctorRequestState.WITHDRAWN) & Q(withdrawn_why="")),
                name="doctor_request_withdrawn_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["cpts", "code_key"], name="doctor_request_code"),
            models.Index(
                fields=["cpts", "waits_since"],
                condition=Q(state__in=OPEN),
                name="doctor_request_open",
            ),
            models.Index(
                fields=["cpts", "deadline_on"],
                condition=~Q(state__in=OPEN) & ~Q(alert=""),
                name="doctor_request_to_call",
            ),
        ]

    def __str__(self):
        return f"n° {self.number}"


class DoctorRequestEvent(OfCpts):
    """One line of the history shown on screen, with its author. Never changed."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="doctor_request", erases={"text": ""}
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    doctor_request = models.ForeignKey(
        DoctorRequest, on_delete=models.PROTECT, related_name="events"
    )
    at = models.DateTimeField("à")
    kind = models.CharField(max_length=10, choices=EventKind.choices)
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    by_kind = models.CharField(max_length=6)
    text = SealedTextField("texte", max_length=300)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            *tenant_constraints("doctor_request_event"),
            TenantForeignKey(field="doctor_request", name="doctor_request_event_same_cpts"),
            TenantForeignKey(field="by_seat", name="doctor_request_event_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values), name="doctor_request_event_kind_known"
            ),
        ]

    def __str__(self):
        return f"{self.doctor_request_id} {self.kind}"
