"""The plan a CPTS keeps: whom people agreed on, of those who still wait."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from maillage.directory.models import Professional
from maillage.medecin_traitant.enums import DoctorRequestState
from maillage.medecin_traitant.models import PlannedPair
from maillage.territory.models import Cpts


@dataclass(frozen=True, slots=True)
class Plan:
    """`doctors`: of each request that waits, the doctor agreed on."""

    kept_at: dt.datetime
    doctors: Mapping[int, Professional]


def plan_of(cpts: Cpts) -> Plan | None:
    """None: no plan, or nobody of it waits."""
    rows = PlannedPair.objects.filter(cpts=cpts, doctor_request__state=DoctorRequestState.WAITING)
    pairs = list(rows.values_list("doctor_request_id", "professional_id", "kept_at"))
    if not pairs:
        return None
    doctors = Professional.objects.in_bulk({professional for _, professional, _ in pairs})
    kept_at = max(at for *_, at in pairs)
    return Plan(kept_at, {pk: doctors[professional] for pk, professional, _ in pairs})
