"""Words of the directory. Codes are those of the national nomenclature (NOS)."""

from dataclasses import dataclass
from datetime import date

from django.db import models

from maillage.territory.enums import Refused


class Profession(models.TextChoices):
    """Professions that may answer for a CPTS: codes of TRE_G15-ProfessionSante (ANS)."""

    DOCTOR = "10", "Médecin"
    PHARMACIST = "21", "Pharmacien"
    DENTIST = "40", "Chirurgien-dentiste"
    MIDWIFE = "50", "Sage-femme"
    NURSE = "60", "Infirmier"
    PHYSIOTHERAPIST = "70", "Masseur-kinésithérapeute"
    PODIATRIST = "80", "Pédicure-podologue"
    SPEECH_THERAPIST = "91", "Orthophoniste"
    ORTHOPTIST = "92", "Orthoptiste"
    OCCUPATIONAL_THERAPIST = "94", "Ergothérapeute"
    DIETITIAN = "95", "Diététicien"
    PSYCHOMOTOR_THERAPIST = "96", "Psychomotricien"


class Speciality(models.TextChoices):
    """Specialities of doctors used here: codes of TRE_R38-SpecialiteOrdinale (ANS)."""

    CARDIOLOGY = "SM04", "Cardiologie et maladies vasculaires"
    DERMATOLOGY = "SM15", "Dermatologie et vénéréologie"
    OPHTHALMOLOGY = "SM38", "Ophtalmologie"
    PAEDIATRICS = "SM40", "Pédiatrie"
    GENERAL_MEDICINE = "SM54", "Médecine générale"


class CareKind(models.TextChoices):
    """Where care is given."""

    OFFICE = "office", "cabinet"
    HOME = "home", "domicile"
    REMOTE = "remote", "téléconsultation"


class Language(models.TextChoices):
    ENGLISH = "en", "anglais"
    ARABIC = "ar", "arabe"
    SPANISH = "es", "espagnol"
    ITALIAN = "it", "italien"
    PORTUGUESE = "pt", "portugais"
    GERMAN = "de", "allemand"
    SIGN = "lsf", "langue des signes"


class LinkMethod(models.TextChoices):
    """How the link between an account and a national record was verified."""

    DOCUMENT = "document", "pièce vue par la CPTS"
    PHONE = "phone", "rappel au numéro du cabinet"
    CARD = "card", "carte professionnelle"
    DEMO = "demo", "démonstration"


AGE_MAX = 130
# Words said before a name, or inside it, which tell nobody from another.
TITLES = frozenset(
    ("dr", "docteur", "docteure", "m", "mme", "monsieur", "madame", "le", "la", "de")
)
WORD_MAX = 80


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place of practice as read from outside; the first of a list is the main one."""

    insee: str
    name: str = ""
    address: str = ""
    phone: str = ""
    finess: str = ""


@dataclass(frozen=True, slots=True)
class ProfessionalRow:
    """A professional as read from outside. `languages` are values of Language."""

    rpps: str
    given_name: str
    family_name: str
    profession: str
    speciality: str = ""
    phone: str = ""
    email: str = ""
    age_from: int = 0
    age_to: int = AGE_MAX
    does_office: bool = True
    does_home: bool = False
    does_remote: bool = False
    languages: tuple[str, ...] = ()
    places: tuple[PlaceRow, ...] = ()


# Services a hospital, a home for the aged or a health centre is called for: proposed, never imposed.
SERVICES = (
    *("Accueil", "Urgences", "Secrétariat", "Sorties d'hospitalisation", "Admissions"),
    *("Infirmière de coordination", "Gériatrie", "Imagerie", "Laboratoire", "Service social"),
    *("Régulation", "Prise de rendez-vous"),
)


@dataclass(frozen=True, slots=True)
class KindRow:
    """A category of the FINESS nomenclature, with the family it belongs to."""

    code: str
    label: str
    group_code: str = ""
    group_label: str = ""


@dataclass(frozen=True, slots=True)
class StructureRow:
    """An establishment as read from the FINESS file: the code of its category, its line there."""

    finess: str
    name: str
    kind: str
    insee: str
    legal_finess: str = ""
    address: str = ""
    postal_line: str = ""
    phone: str = ""
    opened_on: date | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class StructureFile:
    """A whole FINESS file: what it says of itself, its rows, and every line refused.

    `seen`: every number read, those of the refused lines too.
    """

    name: str
    source: str
    vintage: date
    kinds: tuple[KindRow, ...] = ()
    structures: tuple[StructureRow, ...] = ()
    refused: tuple[Refused, ...] = ()
    seen: frozenset[str] = frozenset()
