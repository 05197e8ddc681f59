"""State of the search for a médecin traitant: dated settings, requests, doctors' offers."""

from maillage.medecin_traitant.models.attribution import Attribution
from maillage.medecin_traitant.models.numbers import PublishedNumbers
from maillage.medecin_traitant.models.offer import DoctorOffer
from maillage.medecin_traitant.models.plan import PlannedPair
from maillage.medecin_traitant.models.request import DoctorRequest, DoctorRequestEvent
from maillage.medecin_traitant.models.settings import MtSettings, PriorityRule
from maillage.medecin_traitant.models.wish import DoctorWish

__all__ = [
    "Attribution",
    "DoctorOffer",
    "DoctorRequest",
    "DoctorRequestEvent",
    "DoctorWish",
    "MtSettings",
    "PlannedPair",
    "PriorityRule",
    "PublishedNumbers",
]
