from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django_scopes import ScopedManager

from maillage.accounts.models import Seat
from maillage.availability.models import Booking
from maillage.directory.enums import CareKind, Profession, Speciality
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import OF_CPTS, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.residents.models import Resident
from maillage.snp.enums import (
    OPEN,
    AgeBand,
    AgreementGiver,
    CancelledBy,
    CareRequestStatus,
    Channel,
    EventKind,
    InformMeans,
    InformResult,
    InformState,
    ProposalState,
    Reason,
    RefusalReason,
)
from maillage.territory.models import Commune, Cpts


def scoped(queryset: type[models.QuerySet]) -> ScopedManager:
    return ScopedManager(cpts="cpts", _manager_class=models.Manager.from_queryset(queryset))


class OfCpts(models.Model):
    """A row of one CPTS, met only inside its scope."""

    tenancy: ClassVar[str] = OF_CPTS

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class DatedQuerySet(models.QuerySet):
    def in_force(self, now):
        """The last one whose date has come."""
        return self.filter(valid_from__lte=now).order_by("-valid_from", "-pk")[:1]


class DeskSettings(OfCpts):
    """How the desk works from a moment on. A change is a new row; the past stays readable."""

    valid_from = models.DateTimeField("à partir du")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField("décidé par", max_length=200)
    proposal_minutes = models.PositiveSmallIntegerField("délai de réponse (min)")
    live_proposals_max = models.PositiveSmallIntegerField("propositions en même temps")
    soon_minutes = models.PositiveSmallIntegerField("attente à surveiller (min)")
    late_minutes = models.PositiveSmallIntegerField("attente trop longue (min)")
    search_hours = models.PositiveSmallIntegerField("chercher un créneau dans les (h)")
    max_travel_minutes = models.PositiveSmallIntegerField("trajet maximal (min)")
    weight_delay = models.FloatField("poids d'une minute d'attente")
    weight_travel = models.FloatField("poids d'une minute de trajet")
    usual_doctor_minutes = models.FloatField("avantage du médecin traitant (min)")
    load_minutes = models.FloatField("handicap par demande acceptée en 30 jours (min)")
    commune_population_min = models.PositiveIntegerField(
        "population à partir de laquelle la commune est dite avant connexion"
    )
    outcome_after_minutes = models.PositiveSmallIntegerField(
        "issue demandée après la fin du créneau (min)"
    )

    objects = scoped(DatedQuerySet)

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            *tenant_constraints("desk_settings"),
            models.CheckConstraint(
                condition=Q(live_proposals_max__range=(1, 3)),
                name="desk_settings_one_to_three_proposals",
                violation_error_message="De une à trois propositions en même temps.",
            ),
            models.CheckConstraint(
                condition=Q(proposal_minutes__range=(1, 1440)),
                name="desk_settings_proposal_minutes",
                violation_error_message="Le délai de réponse va de 1 minute à 24 heures.",
            ),
            models.CheckConstraint(
                condition=Q(late_minutes__gte=F("soon_minutes")),
                name="desk_settings_late_after_soon",
                violation_error_message="« Trop longue » doit suivre « à surveiller ».",
            ),
            models.CheckConstraint(
                condition=Q(
                    weight_delay__gte=0,
                    weight_travel__gte=0,
                    usual_doctor_minutes__gte=0,
                    load_minutes__gte=0,
                ),
                name="desk_settings_weights_are_positive",
                violation_error_message="Les poids sont positifs ou nuls.",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.valid_from:%F}"


class DeskHours(OfCpts):
    """One opening of the desk on a weekday, in wall-clock minutes of the CPTS's zone."""

    settings = models.ForeignKey(DeskSettings, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField("jour")
    opens_minute = models.PositiveSmallIntegerField("de")
    closes_minute = models.PositiveSmallIntegerField("à")

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["weekday", "opens_minute"]
        constraints = [
            *tenant_constraints("desk_hours"),
            TenantForeignKey(field="settings", name="desk_hours_settings_same_cpts"),
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="desk_hours_weekday"),
            models.CheckConstraint(
                condition=Q(closes_minute__gt=F("opens_minute"), closes_minute__lte=1440),
                name="desk_hours_closes_after_it_opens",
            ),
        ]

    def __str__(self):
        return f"{self.weekday} {self.opens_minute}-{self.closes_minute}"


class RedFlagList(OfCpts):
    """The list of signs that stop everything, validated by a named doctor of the CPTS from a date on."""

    valid_from = models.DateTimeField("à partir du")
    validated_by = models.CharField("validée par", max_length=120)
    validated_on = models.DateField("validée le")
    is_example = models.BooleanField("liste d'exemple, à faire valider", default=False)

    objects = scoped(DatedQuerySet)

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            *tenant_constraints("red_flag_list"),
            models.CheckConstraint(
                condition=~Q(validated_by=""),
                name="red_flag_list_is_validated",
                violation_error_message="Indiquez le médecin qui a validé la liste.",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.valid_from:%F}"


class RedFlag(OfCpts):
    """One sign of a list."""

    flag_list = models.ForeignKey(RedFlagList, on_delete=models.CASCADE, related_name="flags")
    position = models.PositiveSmallIntegerField("ordre")
    label = models.CharField("signe", max_length=200)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["position"]
        constraints = [
            *tenant_constraints("red_flag"),
            TenantForeignKey(field="flag_list", name="red_flag_list_same_cpts"),
            models.UniqueConstraint(fields=["flag_list", "position"], name="red_flag_position"),
        ]

    def __str__(self):
        return self.label


class CareRequestQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The desk and the coordinator: all; a professional: those proposed to them; others: none."""
        if actor.may(Permission.SNP_DESK, actor.cpts_id) or actor.may(
            Permission.SNP_COUNTS, actor.cpts_id
        ):
            return self.filter(cpts=actor.cpts_id)
        if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
            mine = Proposal.objects.visible_to(actor).values("care_request")
            return self.filter(cpts=actor.cpts_id, pk__in=mine)
        return self.none()

    def open(self):
        return self.filter(status__in=OPEN)


class CareRequest(OfCpts):
    """A need for care that cannot wait, reported to the desk of a CPTS."""

    Status = CareRequestStatus

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
    note = models.CharField("précision", max_length=200, blank=True)
    age_band = models.CharField("âge", max_length=7, choices=AgeBand.choices, blank=True)
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, related_name="+")
    phone = models.CharField("numéro à rappeler", max_length=16, blank=True)
    caller_name = models.CharField("appelant", max_length=80, blank=True)
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
    taken_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_at = models.DateTimeField(null=True, blank=True)
    flags_checked_at = models.DateTimeField("signes demandés à")
    flags_checked_by = models.ForeignKey(
        Seat, null=True, on_delete=models.PROTECT, related_name="+"
    )
    agreement_from = models.CharField(
        "accord donné par", max_length=14, choices=AgreementGiver.choices, blank=True
    )
    agreement_at = models.DateTimeField("accord recueilli à", null=True, blank=True)
    agreement_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    inform_state = models.CharField(
        max_length=11, choices=InformState.choices, default=InformState.NOT_YET
    )
    alert = models.CharField("alerte", max_length=200, blank=True)
    cancelled_by = models.CharField(max_length=12, choices=CancelledBy.choices, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = scoped(CareRequestQuerySet)

    class Meta:
        ordering = ["received_at", "pk"]
        constraints = [
            *tenant_constraints("care_request"),
            models.UniqueConstraint(fields=["cpts", "number"], name="care_request_number"),
            models.UniqueConstraint(fields=["cpts", "form_key"], name="care_request_form_once"),
            TenantForeignKey(field="received_by", name="care_request_received_by_same_cpts"),
            TenantForeignKey(field="taken_by", name="care_request_taken_by_same_cpts"),
            TenantForeignKey(field="flags_checked_by", name="care_request_flags_by_same_cpts"),
            TenantForeignKey(field="agreement_by", name="care_request_agreement_by_same_cpts"),
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
                condition=Q(agreement_from="", agreement_at=None, agreement_by=None)
                | Q(
                    agreement_from__in=AgreementGiver.values,
                    agreement_at__isnull=False,
                    agreement_by__isnull=False,
                ),
                name="care_request_agreement_all_or_nothing",
            ),
            models.CheckConstraint(
                condition=Q(taken_by=None, taken_at=None)
                | Q(taken_by__isnull=False, taken_at__isnull=False),
                name="care_request_taken_all_or_nothing",
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
                        CareRequestStatus.MISSED,
                        CareRequestStatus.CANCELLED,
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
            models.Index(
                fields=["cpts", "received_at"],
                condition=Q(status__in=OPEN),
                name="care_request_open",
            ),
        ]

    def __str__(self):
        return f"n° {self.number}"


class CareRequestNumber(OfCpts):
    """The next request number of a CPTS, under a lock: holes allowed, doubles not."""

    next_number = models.PositiveIntegerField(default=1)

    objects = scoped(models.QuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("care_request_number"),
            models.UniqueConstraint(fields=["cpts"], name="care_request_number_one_counter"),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.next_number}"


class ProposalQuerySet(models.QuerySet):
    def visible_to(self, actor):
        if actor.may(Permission.SNP_DESK, actor.cpts_id):
            return self.filter(cpts=actor.cpts_id)
        if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
            return self.filter(
                cpts=actor.cpts_id,
                professional__accounts__user=actor.user_id,
                professional__accounts__ended_on=None,
            )
        return self.none()

    def live(self):
        return self.filter(state=ProposalState.SENT)


class Proposal(OfCpts):
    """A place offered to a request: asked of a professional, or booked for them and told.

    `explanation` keeps, line by line, the reasons shown when it was chosen; `runner_up` why the next
    came after.
    """

    care_request = models.ForeignKey(
        CareRequest, on_delete=models.PROTECT, related_name="proposals"
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
                    state__in=[ProposalState.ACCEPTED, ProposalState.REFUSED],
                    answered_at__isnull=False,
                )
                | Q(state=ProposalState.SENT, answered_at=None)
                | Q(state__in=[ProposalState.EXPIRED, ProposalState.WITHDRAWN]),
                name="proposal_answered_says_when",
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
                fields=["cpts", "professional", "answered_at"],
                condition=Q(state=ProposalState.ACCEPTED),
                name="proposal_load",
            ),
        ]

    def __str__(self):
        return f"{self.care_request_id} -> {self.professional_id}"


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
