"""What somebody wants of the choice of their doctor."""

from collections import defaultdict
from dataclasses import dataclass, field

from maillage.medecin_traitant.enums import WishKind
from maillage.medecin_traitant.models import DoctorRequest, DoctorWish


@dataclass(frozen=True, slots=True)
class Wishes:
    """Doctors by id: those alone wanted (none: no matter who), those not wanted."""

    only: set[int] = field(default_factory=set)
    never: set[int] = field(default_factory=set)

    def forbid(self, professional: int) -> bool:
        return professional in self.never or bool(self.only and professional not in self.only)


def wishes_by_request(**which) -> dict[int, Wishes]:
    """The wishes that meet this, by request."""
    found: dict[int, Wishes] = defaultdict(Wishes)
    rows = DoctorWish.objects.filter(**which).order_by("pk")
    for pk, professional, kind in rows.values_list("doctor_request_id", "professional_id", "kind"):
        said = found[pk]
        (said.only if kind == WishKind.ONLY else said.never).add(professional)
    return found


def wishes_of(doctor_request: DoctorRequest) -> Wishes:
    return wishes_by_request(doctor_request=doctor_request)[doctor_request.pk]
