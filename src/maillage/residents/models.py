import datetime as dt
from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import KeyedHashField, SealedDateField, SealedTextField, opaque_id
from maillage.kernel.identifiers import fold
from maillage.kernel.models import OF_CPTS, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.residents.enums import (
    AgreementGiver,
    AgreementMeans,
    InformationMeans,
    SharingScope,
)
from maillage.territory.models import Commune, Cpts

NAME_MAX = 180  # folding may lengthen a name; the date or the commune comes after


def compared(name: str) -> str:
    """A name as compared: without accents, or as written in a script that has none of our letters."""
    return (fold(name) or " ".join(name.casefold().split()))[:NAME_MAX]


def name_and_birth(family_name: str, birth_date: dt.date | None) -> str:
    """
    >>> name_and_birth("Lemaître", dt.date(1980, 2, 1))
    'lemaitre|1980-02-01'
    """
    name = compared(family_name)
    return f"{name}|{birth_date.isoformat()}" if name and birth_date else ""


def name_and_commune(family_name: str, insee: str | None) -> str:
    name = compared(family_name)
    return f"{name}|{insee}" if name and insee else ""


class ResidentQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The desk, and whoever answers for the rights of persons; nobody sees who was erased."""
        if not any(
            actor.may(each, actor.cpts_id) for each in (Permission.RESIDENT_DESK, Permission.RIGHTS)
        ):
            return self.none()
        return self.filter(cpts=actor.cpts_id, erased_at=None)


class Resident(models.Model):
    """A person in need, as one CPTS knows them: the minimum to call back and to recognise.

    Who it is stands sealed; the three keys are hashes of normalised texts, compared for equality only.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.RESIDENT,
        ends="created_at",
        erases={
            "family_name": "",
            "given_name": "",
            "birth_date": None,
            "commune": None,
            "phone": "",
            "email": "",
            "usual_doctor": None,
            "phone_key": "",
            "name_birth_key": "",
            "name_commune_key": "",
        },
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="residents")
    family_name = SealedTextField("nom", max_length=80)
    given_name = SealedTextField("prénom", max_length=80, blank=True)
    birth_date = SealedDateField("date de naissance", null=True, blank=True)
    commune = models.ForeignKey(
        Commune, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    phone = SealedTextField("téléphone", max_length=16, blank=True)
    email = SealedTextField("adresse électronique", max_length=254, blank=True)
    usual_doctor = models.ForeignKey(
        Professional,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="médecin traitant",
    )
    phone_key = KeyedHashField(of="phone")
    name_birth_key = KeyedHashField(of="name_and_birth")
    name_commune_key = KeyedHashField(of="name_and_commune")
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)
    erased_at = models.DateTimeField("effacé le", null=True, blank=True, editable=False)

    objects = scoped(ResidentQuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("resident"),
            models.CheckConstraint(
                condition=~Q(family_name="") | Q(erased_at__isnull=False),
                name="resident_has_a_name",
            ),
        ]
        indexes = [
            models.Index(fields=["cpts", "phone_key"], name="resident_phone"),
            models.Index(fields=["cpts", "name_birth_key"], name="resident_name_birth"),
            models.Index(fields=["cpts", "name_commune_key"], name="resident_name_commune"),
        ]

    def __str__(self):
        return f"{self.given_name} {self.family_name}".strip() or "habitant effacé"

    @property
    def name_and_birth(self) -> str:
        return name_and_birth(self.family_name, self.birth_date)

    @property
    def name_and_commune(self) -> str:
        return name_and_commune(self.family_name, self.commune_id)


class InformationNoticeQuerySet(models.QuerySet):
    def in_force(self, now):
        """The last one whose date has come."""
        return self.filter(valid_from__lte=now).order_by("-valid_from", "-pk")[:1]

    def visible_to(self, actor):
        if not actor.may(Permission.CPTS_SETTINGS, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class InformationNotice(models.Model):
    """One version of the text that tells people what is done with their data (RGPD, art. 13 and 14),
    from a moment on."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = nobody("texte lu aux habitants, et ses versions")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    text = models.TextField("texte lu ou remis")
    valid_from = models.DateTimeField("à partir du")
    set_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")

    objects = scoped(InformationNoticeQuerySet)

    class Meta:
        ordering = ["-version"]
        constraints = [
            *tenant_constraints("information_notice"),
            TenantForeignKey(field="set_by", name="information_notice_set_by_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "version"],
                name="information_notice_version_once",
                violation_error_message="Cette version du texte existe déjà.",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="information_notice_says_something"),
        ]

    def __str__(self):
        return f"version {self.version}"


class ConsentQuerySet(models.QuerySet):
    def visible_to(self, actor):
        if not actor.may(Permission.RESIDENT_DESK, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class InformationGiven(models.Model):
    """The notice was given to somebody: which version, when, how, by whom. Nobody yet: a request
    whose patient is not named."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CONSENT, ends="given_at", holds=("resident",)
    )

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    resident = models.ForeignKey(
        Resident, null=True, blank=True, on_delete=models.PROTECT, related_name="information"
    )
    notice = models.ForeignKey(InformationNotice, on_delete=models.PROTECT, related_name="given")
    means = models.CharField(max_length=8, choices=InformationMeans.choices)
    given_at = models.DateTimeField("donnée à")
    given_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")

    objects = scoped(ConsentQuerySet)

    class Meta:
        ordering = ["-given_at", "-pk"]
        constraints = [
            *tenant_constraints("information_given"),
            TenantForeignKey(field="resident", name="information_given_resident_same_cpts"),
            TenantForeignKey(field="notice", name="information_given_notice_same_cpts"),
            TenantForeignKey(field="given_by", name="information_given_by_same_cpts"),
            models.CheckConstraint(
                condition=Q(means__in=InformationMeans.values), name="information_given_means_known"
            ),
        ]

    def __str__(self):
        return f"{self.given_at:%F %T}"


class SharingAgreement(models.Model):
    """Somebody agreed that a patient's identity and contact be shared (L.1110-4): who, with whom, how
    and when it was obtained, by whom; and when it was taken back."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CONSENT, ends="given_at", holds=("resident",)
    )

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="+")
    resident = models.ForeignKey(
        Resident, null=True, blank=True, on_delete=models.PROTECT, related_name="agreements"
    )
    giver = models.CharField("donné par", max_length=14, choices=AgreementGiver.choices)
    scope = models.CharField("partage avec", max_length=10, choices=SharingScope.choices)
    means = models.CharField("recueilli", max_length=7, choices=AgreementMeans.choices)
    given_at = models.DateTimeField("recueilli à")
    collected_by = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField("retiré à", null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        Seat, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = scoped(ConsentQuerySet)

    class Meta:
        ordering = ["-given_at", "-pk"]
        constraints = [
            *tenant_constraints("sharing_agreement"),
            TenantForeignKey(field="resident", name="sharing_agreement_resident_same_cpts"),
            TenantForeignKey(field="collected_by", name="sharing_agreement_collected_same_cpts"),
            TenantForeignKey(field="withdrawn_by", name="sharing_agreement_withdrawn_same_cpts"),
            models.CheckConstraint(
                condition=Q(giver__in=AgreementGiver.values), name="sharing_agreement_giver_known"
            ),
            models.CheckConstraint(
                condition=Q(scope__in=SharingScope.values), name="sharing_agreement_scope_known"
            ),
            models.CheckConstraint(
                condition=Q(means__in=AgreementMeans.values), name="sharing_agreement_means_known"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by=None)
                | Q(withdrawn_at__gte=models.F("given_at"), withdrawn_by__isnull=False),
                name="sharing_agreement_withdrawn_says_by_whom",
            ),
        ]

    def __str__(self):
        return f"{self.get_giver_display()}, {self.given_at:%F %T}"
