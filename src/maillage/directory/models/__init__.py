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
from maillage.directory.models.structures import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureKind,
    StructureMember,
)

__all__ = [
    "CptsProfessional",
    "CptsStructure",
    "Delegation",
    "Locum",
    "Place",
    "Professional",
    "ProfessionalAccount",
    "ProfessionalLanguage",
    "ProfessionalWord",
    "WordKey",
    "Structure",
    "StructureContact",
    "StructureKind",
    "StructureMember",
    "answered_by",
]
