"""The attribution that people agreed on, before doctors are asked."""

from typing import ClassVar

from django.db import models

from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.retention import Retention, RetentionClass
from maillage.medecin_traitant.models.request import DoctorRequest


class PlannedPair(OfCpts):
    """One pair of the plan a CPTS keeps. It is read while the request waits, and stays while a doctor
    answers: a refusal then says whom the plan had."""

    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.CARE_REQUEST, part_of="doctor_request"
    )

    doctor_request = models.OneToOneField(
        DoctorRequest,
        on_delete=models.PROTECT,
        related_name="planned",
        verbose_name="demande",
    )
    professional = models.ForeignKey(
        Professional, on_delete=models.PROTECT, related_name="+", verbose_name="médecin"
    )
    kept_at = models.DateTimeField("gardée le")
    kept_by = models.ForeignKey(
        Seat, null=True, on_delete=models.PROTECT, related_name="+", verbose_name="gardée par"
    )

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["doctor_request"]
        constraints = [
            *tenant_constraints("planned_pair"),
            TenantForeignKey(field="doctor_request", name="planned_pair_request_same_cpts"),
            TenantForeignKey(field="kept_by", name="planned_pair_kept_by_same_cpts"),
        ]

    def __str__(self):
        return f"{self.doctor_request_id} -> {self.professional_id}"
