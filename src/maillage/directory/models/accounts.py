from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.fields.ranges import DateRangeField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, TruncDate

from maillage.directory.enums import LinkMethod
from maillage.directory.models.professionals import Professional
from maillage.kernel.constraints import PostgresExclusion
from maillage.kernel.models import NATIONAL
from maillage.kernel.retention import Retention, RetentionClass


class ProfessionalAccount(models.Model):
    """The verified link between an account and a national record: who says so, since when, how.

    An ended link stays as history; only the one without `ended_on` gives rights.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.SEAT, ends="ended_on", holds=("user",)
    )

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="professional_accounts"
    )
    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="accounts"
    )
    method = models.CharField("vérifié par", max_length=10, choices=LinkMethod.choices)
    verified_at = models.DateTimeField("vérifié le")
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_on = models.DateField("fin", null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(method__in=LinkMethod.values), name="professional_account_method_known"
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(ended_on=None),
                name="professional_account_one_record_per_user",
                violation_error_message="Ce compte est déjà relié à un professionnel.",
            ),
            models.UniqueConstraint(
                fields=["professional"],
                condition=Q(ended_on=None),
                name="professional_account_one_user_per_record",
                violation_error_message="Ce professionnel est déjà relié à un compte.",
            ),
        ]

    def __str__(self):
        return f"{self.user_id} = {self.professional_id}"


class DelegationQuerySet(models.QuerySet):
    def in_force(self, on):
        return self.filter(Q(until_on=None) | Q(until_on__gte=on), from_on__lte=on, ended_at=None)

    def visible_to(self, actor):
        """Those the person gave as a professional, or received as a secretary."""
        if actor.user_id is None:
            return self.none()
        mine = ProfessionalAccount.objects.filter(user=actor.user_id, ended_on=None)
        return self.filter(
            Q(professional__in=mine.values("professional")) | Q(secretary=actor.user_id)
        )


class Delegation(models.Model):
    """A professional lets a secretary keep their availability, from a day to another (included).

    `ended_at`: taken back before its time, at once.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.SEAT,
        ends=Coalesce(TruncDate("ended_at"), "until_on"),
        holds=("secretary",),
    )

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="delegations"
    )
    secretary = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations"
    )
    from_on = models.DateField("à partir du")
    until_on = models.DateField("jusqu'au", null=True, blank=True)
    ended_at = models.DateTimeField("retirée le", null=True, blank=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="delegation_dates_in_order",
            ),
            models.UniqueConstraint(
                fields=["professional", "secretary", "from_on"],
                condition=Q(ended_at=None),
                name="delegation_once",
            ),
        ]

    def __str__(self):
        return f"{self.professional_id} -> {self.secretary_id}"


class LocumQuerySet(models.QuerySet):
    def in_force(self, on):
        """Answering on the day `on`."""
        return self.filter(Q(ended_on=None) | Q(ended_on__gt=on), from_on__lte=on, until_on__gte=on)

    def not_over(self, on):
        """In force on the day `on`, or later."""
        return self.filter(Q(ended_on=None) | Q(ended_on__gt=on), until_on__gte=on)

    def visible_to(self, actor):
        """Those of the professionals on the actor's screens; whoever is the locum sees it too."""
        if actor.cpts_id is None:
            return self.none()
        mine = ProfessionalAccount.objects.filter(user=actor.user_id, ended_on=None)
        seen = Professional.objects.visible_to(actor)
        return self.filter(
            Q(replaced__in=seen.values("pk")) | Q(locum__in=mine.values("professional"))
        )


class Locum(models.Model):
    """One professional answers for another from a day to another, both included.

    `ended_on`: stopped before its time, from that day on. It never chains: whoever replaces the
    locum does not answer for the person the locum replaces.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.AVAILABILITY, ends=Coalesce("ended_on", "until_on")
    )

    locum = models.ForeignKey(
        Professional,
        on_delete=models.PROTECT,
        related_name="replaces",
        verbose_name="remplaçant",
    )
    replaced = models.ForeignKey(
        Professional,
        on_delete=models.PROTECT,
        related_name="locums",
        verbose_name="remplacé",
    )
    from_on = models.DateField("à partir du")
    until_on = models.DateField("jusqu'au")
    ended_on = models.DateField("arrêté le", null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = LocumQuerySet.as_manager()

    class Meta:
        ordering = ["from_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until_on__gte=F("from_on")),
                name="locum_dates_in_order",
                violation_error_message="La date de fin précède la date de début.",
            ),
            models.CheckConstraint(
                condition=~Q(locum=F("replaced")),
                name="locum_is_another",
                violation_error_message="Personne ne se remplace soi-même.",
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(ended_on__lte=F("until_on")),
                name="locum_ended_before_its_time",
            ),
            models.UniqueConstraint(
                fields=["replaced", "from_on"],
                condition=Q(ended_on=None),
                name="locum_one_at_a_time",
            ),
            PostgresExclusion(
                name="locum_does_not_overlap",
                expressions=[
                    ("replaced", RangeOperators.EQUAL),
                    (
                        Func(
                            "from_on",
                            "until_on",
                            Value("[]"),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(ended_on=None),
            ),
        ]

    def __str__(self):
        return f"{self.locum_id} for {self.replaced_id}"


def answered_by(user_id, on):
    """Professionals this account answers for on the day `on`: its own record, those it replaces."""
    if user_id is None:
        return Professional.objects.none()
    mine = ProfessionalAccount.objects.filter(user=user_id, ended_on=None).values("professional")
    replaced = Locum.objects.in_force(on).filter(locum__in=mine).values("replaced")
    return Professional.objects.filter(Q(pk__in=mine) | Q(pk__in=replaced))
