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
from maillage.directory.models.search import ProfessionalWord, WordKey

__all__ = [
    "CptsProfessional",
    "Delegation",
    "Locum",
    "Place",
    "Professional",
    "ProfessionalAccount",
    "ProfessionalLanguage",
    "ProfessionalWord",
    "WordKey",
    "answered_by",
]
