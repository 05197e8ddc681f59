from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from maillage.directory.models import Professional
from maillage.kernel.models import OF_CPTS, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass
from maillage.territory.models import Commune, Cpts


class ResidentQuerySet(models.QuerySet):
    def visible_to(self, actor):
        if not actor.may(Permission.RESIDENT_DESK, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class Resident(models.Model):
    """A person in need, as one CPTS knows them: the minimum to call back and to recognise.

    The three keys are normalised texts compared for equality only, so that they can be hashed.
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

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="residents")
    family_name = models.CharField("nom", max_length=80)
    given_name = models.CharField("prénom", max_length=80, blank=True)
    birth_date = models.DateField("date de naissance", null=True, blank=True)
    commune = models.ForeignKey(
        Commune, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    phone = models.CharField("téléphone", max_length=16, blank=True)
    email = models.EmailField("adresse électronique", blank=True)
    usual_doctor = models.ForeignKey(
        Professional,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="médecin traitant",
    )
    phone_key = models.CharField(max_length=64, blank=True, editable=False)
    name_birth_key = models.CharField(max_length=200, blank=True, editable=False)
    name_commune_key = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)
    erased_at = models.DateTimeField("effacé le", null=True, blank=True, editable=False)

    objects = ScopedManager(
        cpts="cpts", _manager_class=models.Manager.from_queryset(ResidentQuerySet)
    )

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
