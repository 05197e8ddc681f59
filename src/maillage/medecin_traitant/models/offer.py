"""How many residents a doctor may take, as they said it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional, ProfessionalAccount
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.medecin_traitant.enums import AGE_MAX, AnsweredVia


class DoctorOfferQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The coordination: all; a professional: their own; the holder of a link: the one it names."""
        rows = self.filter(cpts=actor.cpts_id).select_related("professional")
        if actor.kind == "link":
            kind, _, pk = getattr(actor, "target", "").partition(":")
            return rows.filter(pk=int(pk)) if kind == "doctor_offer" else self.none()
        if actor.may(Permission.MT_COORDINATE, actor.cpts_id):
            return rows
        if actor.may(Permission.MT_PROFESSIONAL, actor.cpts_id):
            mine = ProfessionalAccount.objects.filter(user=actor.user_id, ended_on=None)
            return rows.filter(professional__in=mine.values("professional"))
        return self.none()

    def asked(self):
        """Waiting for an answer."""
        return self.filter(answered_at=None, ended_at=None)

    def standing(self):
        """Answered, and neither replaced nor taken back; its dates may be over."""
        return self.filter(answered_at__isnull=False, ended_at=None)

    def in_force(self, on):
        return self.standing().filter(from_on__lte=on, until_on__gte=on)


class DoctorOffer(OfCpts):
    """What a doctor was asked and answered: how many new residents a month, until when, how far.

    Asked and not answered: only `asked_at`. `per_month` 0: none for now. `travel_minutes` empty: the
    limit of the CPTS. For its own list unless the doctor chose to be public. Never language, origin,
    income or health.
    """

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="ended_at")

    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="doctor_offers"
    )
    asked_at = models.DateTimeField("demandée le", null=True, blank=True)
    reminders = models.PositiveSmallIntegerField("relances", default=0)
    reminded_at = models.DateTimeField("relancé le", null=True, blank=True)
    answered_at = models.DateTimeField("répondue le", null=True, blank=True)
    answered_via = models.CharField(
        "répondue par", max_length=12, choices=AnsweredVia.choices, blank=True
    )
    answered_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    per_month = models.PositiveSmallIntegerField("nouveaux patients par mois", default=0)
    from_on = models.DateField("à partir du", null=True, blank=True)
    until_on = models.DateField("jusqu'au", null=True, blank=True)
    travel_minutes = models.PositiveSmallIntegerField("trajet au plus (min)", null=True, blank=True)
    age_from = models.PositiveSmallIntegerField("à partir de (ans)", default=0)
    age_to = models.PositiveSmallIntegerField("jusqu'à (ans)", default=AGE_MAX)
    home_visits = models.BooleanField("se déplace à domicile", default=False)
    is_public = models.BooleanField("montrée aussi sur le site public", default=False)
    ended_at = models.DateTimeField("terminée le", null=True, blank=True)

    objects = scoped(DoctorOfferQuerySet)

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            *tenant_constraints("doctor_offer"),
            TenantForeignKey(field="answered_by", name="doctor_offer_answered_by_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "professional"],
                condition=Q(answered_at=None, ended_at=None),
                name="doctor_offer_asked_once",
            ),
            models.UniqueConstraint(
                fields=["cpts", "professional"],
                condition=Q(answered_at__isnull=False, ended_at=None),
                name="doctor_offer_one_standing",
            ),
            models.CheckConstraint(
                condition=Q(
                    answered_at=None, answered_via="", from_on=None, until_on=None, per_month=0
                )
                | Q(
                    answered_at__isnull=False,
                    answered_via__in=AnsweredVia.values,
                    from_on__isnull=False,
                    until_on__isnull=False,
                ),
                name="doctor_offer_answered_all_or_nothing",
            ),
            models.CheckConstraint(
                condition=Q(asked_at__isnull=False) | Q(answered_at__isnull=False),
                name="doctor_offer_asked_or_answered",
            ),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="doctor_offer_ends_after_it_starts",
                violation_error_message="La date de fin précède la date de début.",
            ),
            models.CheckConstraint(
                condition=Q(age_to__gte=F("age_from")), name="doctor_offer_ages_in_order"
            ),
            models.CheckConstraint(
                condition=Q(travel_minutes=None) | Q(travel_minutes__gte=1),
                name="doctor_offer_travel_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(reminders=0, reminded_at=None)
                | Q(reminders__gte=1, reminded_at__isnull=False),
                name="doctor_offer_reminded_says_when",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.professional_id}"

    @property
    def is_to_call(self) -> bool:
        """No message reaches this doctor."""
        return not is_mobile(self.professional.phone) and not self.professional.email
