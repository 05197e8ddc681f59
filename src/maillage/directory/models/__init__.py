"""State of the directory: national records, what a CPTS knows of them, whose account is whose."""

from maillage.directory.models.accounts import Delegation, ProfessionalAccount
from maillage.directory.models.professionals import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalLanguage,
)

__all__ = [
    "CptsProfessional",
    "Delegation",
    "Place",
    "Professional",
    "ProfessionalAccount",
    "ProfessionalLanguage",
]
