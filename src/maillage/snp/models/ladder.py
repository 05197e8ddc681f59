"""Who may be asked, in which order, and who answers for it: rings, agreements, the on-call roster."""

from typing import ClassVar

from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.fields.ranges import DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q

from maillage.accounts.models import Seat
from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.constraints import PostgresExclusion, TenantForeignKey
from maillage.kernel.models import AGREEMENT, NATIONAL, OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.territory.models import Cpts


class RingQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """Whoever sets the desk; the desk, which offers them on a call."""
        if any(
            actor.may(each, actor.cpts_id)
            for each in (Permission.SNP_SETTINGS, Permission.SNP_DESK)
        ):
            return self.filter(cpts=actor.cpts_id)
        return self.none()

    def open(self):
        return self.filter(closed_at=None)


class Ring(OfCpts):
    """A group of professionals of one profession, asked before the whole CPTS when a request
    names it."""

    retention: ClassVar[Retention] = nobody("cercles de professionnels, par leur nom")

    name = models.CharField("nom", max_length=80)
    profession = models.CharField("profession", max_length=2, choices=Profession.choices)
    closed_at = models.DateTimeField("fermé le", null=True, blank=True)

    objects = scoped(RingQuerySet)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            *tenant_constraints("ring"),
            models.CheckConstraint(
                condition=Q(profession__in=Profession.values), name="ring_profession_known"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="ring_has_a_name"),
            models.UniqueConstraint(
                fields=["cpts", "name"],
                condition=Q(closed_at=None),
                name="ring_name_once",
                violation_error_message="Un cercle porte déjà ce nom.",
            ),
        ]

    def __str__(self):
        return self.name


class RingMemberQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """All to whoever sets the desk; their own to a professional."""
        if actor.may(Permission.SNP_SETTINGS, actor.cpts_id):
            return self.filter(cpts=actor.cpts_id)
        if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
            return self.filter(
                cpts=actor.cpts_id,
                professional__accounts__user=actor.user_id,
                professional__accounts__ended_on=None,
            )
        return self.none()

    def in_force(self, on):
        return self.filter(
            Q(until_on=None) | Q(until_on__gte=on), ring__closed_at=None, from_on__lte=on
        )

    def not_over(self, on):
        """In force on the day `on`, or later."""
        return self.filter(Q(until_on=None) | Q(until_on__gte=on), ring__closed_at=None)


class RingMember(OfCpts):
    """A professional in a ring, between two days (both included)."""

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="until_on")

    ring = models.ForeignKey(Ring, on_delete=models.PROTECT, related_name="members")
    professional = models.ForeignKey(Professional, on_delete=models.PROTECT, related_name="+")
    from_on = models.DateField("depuis le")
    until_on = models.DateField("jusqu'au", null=True, blank=True)

    objects = scoped(RingMemberQuerySet)

    class Meta:
        ordering = ["professional__family_name", "pk"]
        constraints = [
            *tenant_constraints("ring_member"),
            TenantForeignKey(field="ring", name="ring_member_same_cpts"),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="ring_member_dates_in_order",
            ),
            models.UniqueConstraint(
                fields=["ring", "professional"],
                condition=Q(until_on=None),
                name="ring_member_once",
                violation_error_message="Ce professionnel est déjà dans le cercle.",
            ),
        ]

    def __str__(self):
        return f"{self.professional_id} dans {self.ring_id}"


class OnCallQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """Whoever sets the desk, and the desk."""
        if actor.may(Permission.SNP_SETTINGS, actor.cpts_id) or actor.may(
            Permission.SNP_DESK, actor.cpts_id
        ):
            return self.filter(cpts=actor.cpts_id)
        return self.none()


class OnCall(OfCpts):
    """Who answers for the desk's requests between two instants: the roster outside desk hours, and
    the person reached when no circle answered."""

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="ends_at")

    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField("du")
    ends_at = models.DateTimeField("au")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")

    objects = scoped(OnCallQuerySet)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            *tenant_constraints("on_call"),
            TenantForeignKey(field="seat", name="on_call_seat_same_cpts"),
            TenantForeignKey(field="set_by", name="on_call_set_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="on_call_ends_after_it_starts",
                violation_error_message="La fin de l'astreinte doit suivre son début.",
            ),
            PostgresExclusion(
                name="on_call_one_at_a_time",
                expressions=[
                    ("cpts", RangeOperators.EQUAL),
                    (
                        Func(
                            F("starts_at"),
                            F("ends_at"),
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self):
        return f"{self.seat_id} {self.starts_at:%F %H:%M}"


class ShiftHandOver(OfCpts):
    """One person of the desk gave their open requests to another. Never changed."""

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="at")

    at = models.DateTimeField("à")
    from_seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    to_seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    requests = models.PositiveIntegerField("demandes transmises")

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            *tenant_constraints("shift_hand_over"),
            TenantForeignKey(field="from_seat", name="shift_from_same_cpts"),
            TenantForeignKey(field="to_seat", name="shift_to_same_cpts"),
            models.CheckConstraint(
                condition=~Q(from_seat=F("to_seat")),
                name="shift_to_somebody_else",
                violation_error_message="La relève se fait avec une autre personne.",
            ),
        ]

    def __str__(self):
        return f"{self.from_seat_id} -> {self.to_seat_id}"


class DeskClosing(OfCpts):
    """The desk closed: how many requests were open and who answers for them. Never changed."""

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, ends="at")

    at = models.DateTimeField("à")
    by_seat = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    requests = models.PositiveIntegerField("demandes ouvertes")

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            *tenant_constraints("desk_closing"),
            TenantForeignKey(field="by_seat", name="desk_closing_by_same_cpts"),
            TenantForeignKey(field="owner", name="desk_closing_owner_same_cpts"),
            models.CheckConstraint(
                condition=Q(requests=0) | Q(owner__isnull=False),
                name="desk_closing_leaves_an_owner",
                violation_error_message="La régulation ne ferme pas sans responsable.",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.at:%F %H:%M}"


class AgreementQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """Either side's coordinator, administrator and desk."""
        if not any(
            actor.may(each, actor.cpts_id)
            for each in (Permission.SNP_SETTINGS, Permission.SNP_DESK, Permission.SNP_COUNTS)
        ):
            return self.none()
        return self.between(actor.cpts_id)

    def between(self, cpts_id):
        """Those this CPTS is a side of."""
        return self.filter(Q(proposed_by_cpts=cpts_id) | Q(other_cpts=cpts_id))

    def in_force(self, now):
        """Signed by both, begun, not ended, not withdrawn by either."""
        return self.filter(
            Q(ends_at=None) | Q(ends_at__gt=now),
            proposer_signed_at__isnull=False,
            other_signed_at__isnull=False,
            withdrawn_at=None,
            starts_at__lte=now,
        )


class Agreement(models.Model):
    """Two neighbour CPTSs lend each other the free slots of some professions at some hours.

    Signed by both, withdrawn by either, at once. Data stay separate: what is shared is a slot, the
    name and town of who opened it and, when said so, their phone.
    """

    tenancy: ClassVar[str] = AGREEMENT
    retention: ClassVar[Retention] = nobody("accords entre CPTS")

    proposed_by_cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    other_cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField("à partir du")
    ends_at = models.DateTimeField("jusqu'au", null=True, blank=True)
    shares_phone = models.BooleanField("téléphone du professionnel partagé", default=False)
    shares_age = models.BooleanField("tranche d'âge du patient dite au professionnel", default=True)
    shares_commune = models.BooleanField("commune du patient dite au professionnel", default=False)
    proposer_signed_at = models.DateTimeField(null=True, blank=True)
    proposer_signed_by = models.BigIntegerField("siège signataire (proposante)", null=True)
    other_signed_at = models.DateTimeField(null=True, blank=True)
    other_signed_by = models.BigIntegerField("siège signataire (voisine)", null=True)
    withdrawn_at = models.DateTimeField("dénoncé le", null=True, blank=True)
    withdrawn_by_cpts = models.ForeignKey(
        Cpts, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = AgreementQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(proposed_by_cpts=F("other_cpts")),
                name="agreement_between_two",
                violation_error_message="Un accord lie deux CPTS différentes.",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="agreement_ends_after_it_starts",
                violation_error_message="La fin de l'accord doit suivre son début.",
            ),
            models.CheckConstraint(
                condition=Q(proposer_signed_at=None, proposer_signed_by=None)
                | Q(proposer_signed_at__isnull=False, proposer_signed_by__isnull=False),
                name="agreement_proposer_signs_whole",
            ),
            models.CheckConstraint(
                condition=Q(other_signed_at=None, other_signed_by=None)
                | Q(other_signed_at__isnull=False, other_signed_by__isnull=False),
                name="agreement_other_signs_whole",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by_cpts=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by_cpts__isnull=False),
                name="agreement_withdrawn_says_by_whom",
            ),
        ]

    def __str__(self):
        return f"{self.proposed_by_cpts_id} - {self.other_cpts_id}"

    def partner_of(self, cpts_id: int) -> Cpts:
        """The other side."""
        return self.other_cpts if self.proposed_by_cpts_id == cpts_id else self.proposed_by_cpts


class AgreementProfession(models.Model):
    """One profession an agreement covers."""

    tenancy: ClassVar[str] = AGREEMENT
    retention: ClassVar[Retention] = nobody("accords entre CPTS")

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="professions")
    profession = models.CharField(max_length=2, choices=Profession.choices)

    class Meta:
        ordering = ["profession"]
        constraints = [
            models.CheckConstraint(
                condition=Q(profession__in=Profession.values), name="agreement_profession_known"
            ),
            models.UniqueConstraint(
                fields=["agreement", "profession"], name="agreement_profession_once"
            ),
        ]

    def __str__(self):
        return self.get_profession_display()


class AgreementHours(models.Model):
    """Hours of a weekday in which the slots of an agreement are shared, wall clock of the proposer."""

    tenancy: ClassVar[str] = AGREEMENT
    retention: ClassVar[Retention] = nobody("accords entre CPTS")

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField("jour")
    opens_minute = models.PositiveSmallIntegerField("de")
    closes_minute = models.PositiveSmallIntegerField("à")

    class Meta:
        ordering = ["weekday", "opens_minute"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6)), name="agreement_hours_weekday"
            ),
            models.CheckConstraint(
                condition=Q(closes_minute__gt=F("opens_minute"), closes_minute__lte=1440),
                name="agreement_hours_close_after_they_open",
            ),
        ]

    def __str__(self):
        return f"{self.weekday} {self.opens_minute}-{self.closes_minute}"


class SnpFee(models.Model):
    """The national rule of the SNP fee (majoration) from a day on: amount, ceiling, delay. Dated data."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("règle nationale de la majoration")

    valid_from = models.DateField("à partir du", unique=True)
    amount_euros = models.DecimalField("montant (€)", max_digits=6, decimal_places=2, null=True)
    weekly_ceiling = models.PositiveSmallIntegerField(
        "plafond par médecin et par semaine", null=True
    )
    within_hours = models.PositiveSmallIntegerField("dans les (h)", null=True)
    source = models.CharField(max_length=300)

    class Meta:
        ordering = ["-valid_from"]
        constraints = [
            models.CheckConstraint(condition=~Q(source=""), name="snp_fee_has_a_source"),
        ]

    def __str__(self):
        return f"{self.valid_from:%F}"
