"""State of the directory: national records, what a CPTS knows of them, whose account is whose."""

from maillage.directory.models.accounts import (
    Delegation,
    Locum,
    ProfessionalAccount,
    answered_by,
)
from maillage.directory.models.professionals import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalLanguage,
)

__all__ = [
    "CptsProfessional",
    "Delegation",
    "Locum",
    "Place",
    "Professional",
    "ProfessionalAccount",
    "ProfessionalLanguage",
    "answered_by",
]
