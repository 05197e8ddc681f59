from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.directory.enums import AGE_MAX, Language, Profession, Speciality
from maillage.kernel.identifiers import is_rpps
from maillage.kernel.models import NATIONAL, OF_CPTS, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.territory.models import Commune, Cpts


class ProfessionalQuerySet(models.QuerySet):
    def in_cpts(self, cpts, on):
        """Professionals the CPTS counts in its directory on the day `on`."""
        return self.filter(
            Q(cpts_records__left_on=None) | Q(cpts_records__left_on__gt=on),
            cpts_records__cpts=cpts,
            cpts_records__joined_on__lte=on,
        )

    def visible_to(self, actor):
        """National records, but on screen only those of the directory of the actor's CPTS."""
        if actor.cpts_id is None or not actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts_records__cpts=actor.cpts_id).distinct()


class Professional(models.Model):
    """A health professional: one national record, in zero, one or several CPTSs."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY,
        reason="tant que le répertoire national publie la personne",
        is_deleted=False,
    )

    rpps = models.CharField("n° RPPS", max_length=11, unique=True)
    given_name = models.CharField("prénom", max_length=80)
    family_name = models.CharField("nom d'exercice", max_length=80)
    profession = models.CharField(max_length=2, choices=Profession.choices)
    speciality = models.CharField(
        "spécialité", max_length=5, choices=Speciality.choices, blank=True
    )
    phone = models.CharField("téléphone professionnel", max_length=16, blank=True)
    email = models.EmailField("adresse professionnelle", blank=True)
    age_from = models.PositiveSmallIntegerField("reçoit à partir de (ans)", default=0)
    age_to = models.PositiveSmallIntegerField("reçoit jusqu'à (ans)", default=AGE_MAX)
    does_office = models.BooleanField("reçoit au cabinet", default=True)
    does_home = models.BooleanField("se déplace à domicile", default=False)
    does_remote = models.BooleanField("téléconsulte", default=False)
    search_key = models.CharField(max_length=300, blank=True, editable=False)

    objects = ProfessionalQuerySet.as_manager()

    class Meta:
        ordering = ["family_name", "given_name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(profession__in=Profession.values), name="professional_profession_known"
            ),
            models.CheckConstraint(
                condition=Q(speciality__in=["", *Speciality.values]),
                name="professional_speciality_known",
            ),
            models.CheckConstraint(
                condition=Q(age_to__gte=F("age_from")), name="professional_ages_in_order"
            ),
            models.CheckConstraint(
                condition=Q(rpps__regex=r"^[0-9]{11}$"), name="professional_rpps_is_11_digits"
            ),
        ]
        indexes = [models.Index(fields=["profession"], name="professional_profession")]

    def __str__(self):
        title = "Dr " if self.profession in {Profession.DOCTOR, Profession.DENTIST} else ""
        return f"{title}{self.given_name} {self.family_name}"

    @property
    def rpps_key_is_right(self) -> bool:
        """A wrong key is shown as a warning, never refused: official examples have one."""
        return is_rpps(self.rpps)

    @property
    def job(self) -> str:
        """What they are, as one reads it: the speciality of a doctor, else the profession."""
        if self.profession == Profession.DOCTOR and self.speciality:
            if self.speciality == Speciality.GENERAL_MEDICINE:
                return "Médecin généraliste"
            return self.get_speciality_display()
        return self.get_profession_display()


class ProfessionalLanguage(models.Model):
    """A language spoken besides French."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="languages"
    )
    language = models.CharField("langue", max_length=3, choices=Language.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["professional", "language"], name="professional_language_once"
            ),
            models.CheckConstraint(
                condition=Q(language__in=Language.values), name="professional_language_known"
            ),
        ]

    def __str__(self):
        return self.get_language_display()


class Place(models.Model):
    """A place where a professional practises, in a commune."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.ForeignKey(Professional, on_delete=models.CASCADE, related_name="places")
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, related_name="places")
    name = models.CharField("nom du lieu", max_length=120, blank=True)
    address = models.CharField("adresse", max_length=200, blank=True)
    phone = models.CharField("téléphone", max_length=16, blank=True)
    finess = models.CharField("n° FINESS", max_length=9, blank=True)
    is_main = models.BooleanField("lieu principal", default=False)
    closed_on = models.DateField("fermé le", null=True, blank=True)

    class Meta:
        ordering = ["-is_main", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["professional"],
                condition=Q(is_main=True),
                name="place_one_main",
            ),
        ]

    def __str__(self):
        return f"{self.name or 'Cabinet'} ({self.commune_id})"


class CptsProfessionalQuerySet(models.QuerySet):
    def in_force(self, on):
        """Counted in the directory of the CPTS on the day `on`."""
        return self.filter(Q(left_on=None) | Q(left_on__gt=on), joined_on__lte=on)

    def visible_to(self, actor):
        if not actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class CptsProfessional(models.Model):
    """What one CPTS knows of a professional: since when, and its own note. Never a neighbour's."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="left_on")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="professional_records")
    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="cpts_records"
    )
    joined_on = models.DateField("dans l'annuaire depuis")
    left_on = models.DateField("sorti le", null=True, blank=True)
    note = models.TextField("note de la CPTS", blank=True)
    version = models.PositiveIntegerField(default=1)  # of the note

    objects = scoped(CptsProfessionalQuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("cpts_professional"),
            models.UniqueConstraint(fields=["cpts", "professional"], name="cpts_professional_once"),
            models.CheckConstraint(
                condition=Q(left_on=None) | Q(left_on__gte=F("joined_on")),
                name="cpts_professional_dates_in_order",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.professional_id}"
