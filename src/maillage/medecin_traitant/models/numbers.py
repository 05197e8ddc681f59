"""What was published of the waiting list."""

from typing import ClassVar

from django.db import models

from maillage.kernel.models import OfCpts, scoped, tenant_constraints
from maillage.kernel.retention import Retention, nobody


class PublishedNumbers(OfCpts):
    """The numbers as they were given to those who see no request, small counts already hidden: never
    counted again, so nothing is told by what changed since."""

    retention: ClassVar[Retention] = nobody("chiffres publiés, petits effectifs masqués")

    taken_at = models.DateTimeField("comptés le")
    figures = models.JSONField("chiffres", default=dict)

    objects = scoped(models.QuerySet)

    class Meta:
        ordering = ["taken_at", "pk"]
        constraints = [*tenant_constraints("published_numbers")]

    def __str__(self):
        return f"{self.taken_at:%F}"
