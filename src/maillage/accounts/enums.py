"""Roles, what each is granted, and the life of a seat and of a notice."""

from dataclasses import dataclass

from django.db import models

from maillage.kernel.permissions import Permission as P


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", "Administrateur"
    COORDINATOR = "coordinator", "Coordinateur"
    DISPATCHER = "dispatcher", "Opérateur SNP"
    PROFESSIONAL = "professional", "Professionnel de santé"
    SECRETARY = "secretary", "Secrétaire"
    BUREAU = "bureau", "Membre du bureau"
    TREASURER = "treasurer", "Trésorier"
    DATA_PROTECTION_OFFICER = "data_protection_officer", "Délégué à la protection des données"
    READER = "reader", "Lecteur CPAM / ARS"


EVERYBODY = frozenset({P.HOME, P.TERRITORY_VIEW})
INSIDE = EVERYBODY | {P.DIRECTORY_VIEW}

GRANTS: dict[str, frozenset[P]] = {
    Role.ADMINISTRATOR: INSIDE
    | {P.SEATS_MANAGE, P.CPTS_SETTINGS, P.SNP_SETTINGS, P.OUTBOX_VIEW, P.RETENTION_EDIT}
    | {P.MT_SETTINGS},
    Role.COORDINATOR: INSIDE
    | {P.SNP_COUNTS, P.SNP_NUMBERS, P.SNP_SETTINGS, P.DIRECTORY_EDIT, P.BREAK_GLASS}
    | {P.MT_COORDINATE, P.MT_NUMBERS, P.MT_SETTINGS, P.PUBLIC_EDIT},
    Role.DISPATCHER: INSIDE | {P.SNP_DESK, P.SNP_NUMBERS, P.RESIDENT_DESK, P.MT_DESK, P.MT_NUMBERS},
    Role.PROFESSIONAL: INSIDE
    | {P.PROPOSAL_ANSWER, P.AVAILABILITY_EDIT, P.BREAK_GLASS, P.MT_PROFESSIONAL},
    Role.SECRETARY: INSIDE | {P.AVAILABILITY_EDIT},
    Role.BUREAU: INSIDE | {P.SNP_NUMBERS, P.MT_NUMBERS},
    Role.TREASURER: INSIDE | {P.SNP_NUMBERS, P.MT_NUMBERS},
    Role.DATA_PROTECTION_OFFICER: INSIDE
    | {P.JOURNAL_VIEW, P.RETENTION_EDIT, P.RIGHTS, P.BREAK_GLASS_REVIEW},
    Role.READER: EVERYBODY | {P.SNP_NUMBERS, P.MT_NUMBERS},
}


class SeatState(models.TextChoices):
    INVITED = "invited", "invité"
    ACCEPTED = "accepted", "accepté"
    ACTIVE = "active", "actif"
    SUSPENDED = "suspended", "suspendu"
    LEFT = "left", "parti"


SEAT_TRANSITIONS: dict[str, frozenset[str]] = {
    SeatState.INVITED: frozenset({SeatState.ACCEPTED, SeatState.LEFT}),
    SeatState.ACCEPTED: frozenset({SeatState.ACTIVE, SeatState.LEFT}),
    SeatState.ACTIVE: frozenset({SeatState.SUSPENDED, SeatState.LEFT}),
    SeatState.SUSPENDED: frozenset({SeatState.ACTIVE, SeatState.LEFT}),
    SeatState.LEFT: frozenset(),
}


class Channel(models.TextChoices):
    MAIL = "mail", "courriel"
    SMS = "sms", "SMS"


class NoticeState(models.TextChoices):
    WAITING = "waiting", "en attente"
    SENT = "sent", "envoyé"
    KEPT = "kept", "gardé (démonstration)"
    FAILED = "failed", "abandonné après plusieurs essais"
    DROPPED = "dropped", "retiré avant l'envoi"


NOTICE_TRANSITIONS: dict[str, frozenset[str]] = {
    NoticeState.WAITING: frozenset(
        {NoticeState.SENT, NoticeState.KEPT, NoticeState.FAILED, NoticeState.DROPPED}
    ),
    NoticeState.SENT: frozenset(),
    NoticeState.KEPT: frozenset(),
    NoticeState.FAILED: frozenset({NoticeState.WAITING}),
    NoticeState.DROPPED: frozenset(),
}

# Minutes before each new try; after the last the notice is abandoned and shown as such.
RETRY_MINUTES = (1, 5, 30, 120, 720)


class Tried(models.TextChoices):
    """What is counted, so that nobody tries without end."""

    PASSWORD = "password", "mot de passe"
    CODE = "code", "code du second facteur"
    CODE_USED = "code_used", "code déjà servi"
    LETTER = "letter", "lien demandé par courriel"
    ADDRESS = "address", "adresse du réseau"


# How many tries, in how many minutes. A password is counted for an account AND an address: whoever
# tries another's password from elsewhere does not shut that person out. A code comes after the
# password, so it is counted for the account.
TRIES: dict[str, tuple[int, int]] = {
    Tried.PASSWORD: (10, 10),
    Tried.CODE: (5, 10),
    Tried.CODE_USED: (1, 2),
    Tried.LETTER: (3, 60),
    Tried.ADDRESS: (300, 10),
}
TRIES_KEPT_MINUTES = 24 * 60

# Words that whoever knows the platform tries first; those of the person and of their CPTS are added
# (see `queries.guessed_words`). Without accents, in lower case.
GUESSED_WORDS = frozenset(
    {
        *("maillage", "cpts", "communaute", "professionnelle", "territoriale", "sante", "rpps"),
        *("medecin", "docteur", "infirmier", "infirmiere", "pharmacie", "pharmacien", "kine"),
        *("sagefemme", "cabinet", "hopital", "clinique", "patient", "soins", "regulation"),
        *("secretaire", "coordinateur", "coordinatrice", "administrateur", "president"),
        *("motdepasse", "password", "azerty", "qwerty", "bonjour", "bienvenue", "soleil", "admin"),
        *(
            "printemps",
            "automne",
            "hiver",
            "janvier",
            "decembre",
            "123456789",
            "12345678",
            "123456",
        ),
        *("2024", "2025", "2026", "2027", "2028"),
    }
)

# A session this young needs no new proof of who sits there.
FRESH_MINUTES = 10

# An invitation's link brings a professional card to its account that many days, and once.
INVITATION_DAYS = 14


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise of a professional, as Pro Santé Connect holds it: codes of the national lists."""

    profession: str
    category: str
    speciality: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.profession}-{self.category}-{self.speciality}"


@dataclass(frozen=True, slots=True)
class PscIdentity:
    """Who came in by Pro Santé Connect, everything checked. `name_id` is the national identifier."""

    issuer: str
    subject: str
    name_id: str
    given_name: str
    family_name: str
    exercises: tuple[Exercise, ...]
    id_token: str
