"""Which doctors somebody wants, or does not want."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import opaque_id
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass
from maillage.medecin_traitant.enums import WishKind
from maillage.medecin_traitant.models.request import DoctorRequest


class DoctorWish(OfCpts):
    """A doctor somebody wants (then no other will do), or does not want; never why. One request has
    wishes of one kind. The doctor never reads it."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="doctor_request", goes_first=True
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    doctor_request = models.ForeignKey(
        DoctorRequest, on_delete=models.PROTECT, related_name="wishes"
    )
    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="+", verbose_name="médecin"
    )
    kind = models.CharField("souhait", max_length=5, choices=WishKind.choices)
    # Said in a double that was merged: it goes if they come apart.
    merged_from = models.ForeignKey(
        DoctorRequest,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="dit dans la demande",
    )

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["pk"]
        constraints = [
            *tenant_constraints("doctor_wish"),
            TenantForeignKey(field="doctor_request", name="doctor_wish_request_same_cpts"),
            TenantForeignKey(field="merged_from", name="doctor_wish_merged_from_same_cpts"),
            models.UniqueConstraint(
                fields=["doctor_request", "professional"], name="doctor_wish_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=WishKind.values), name="doctor_wish_kind_known"
            ),
        ]

    def __str__(self):
        return f"{self.doctor_request_id} {self.kind} {self.professional_id}"
