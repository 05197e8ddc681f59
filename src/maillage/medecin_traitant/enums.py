"""Words of the search for a médecin traitant (MT) and the life of a request."""

import datetime as dt
from dataclasses import dataclass

from django.db import models


class DoctorRequestState(models.TextChoices):
    WAITING = "waiting", "En attente"
    PROPOSED = "proposed", "Proposée à un médecin"
    ACCEPTED = "accepted", "Acceptée par un médecin"
    DECLARED = "declared", "Médecin traitant déclaré"
    WITHDRAWN = "withdrawn", "Retirée"
    FOUND_ELSEWHERE = "found_elsewhere", "Médecin trouvé autrement"
    CLOSED_AFTER_SIX_MONTHS = "closed_after_six_months", "Close sans déclaration confirmée"
    MERGED = "merged", "Fusionnée"


S = DoctorRequestState
GIVEN_UP = frozenset({S.WITHDRAWN, S.FOUND_ELSEWHERE})
TRANSITIONS: dict[str, frozenset[str]] = {
    S.WAITING: frozenset({S.PROPOSED, S.MERGED}) | GIVEN_UP,
    S.PROPOSED: frozenset({S.ACCEPTED, S.WAITING}) | GIVEN_UP,
    S.ACCEPTED: frozenset({S.DECLARED, S.WAITING, S.CLOSED_AFTER_SIX_MONTHS}) | GIVEN_UP,
    S.DECLARED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.FOUND_ELSEWHERE: frozenset(),
    S.CLOSED_AFTER_SIX_MONTHS: frozenset(),
    S.MERGED: frozenset({S.WAITING}),  # merged by mistake
}
OPEN = (S.WAITING, S.PROPOSED, S.ACCEPTED)
# Not a state: closed, and somebody is still to be told.
TO_CALL = "to_call"
WITH_A_DOCTOR = (S.PROPOSED, S.ACCEPTED, S.DECLARED, S.CLOSED_AFTER_SIX_MONTHS)


class Channel(models.TextChoices):
    """Who brought the request, or what."""

    RESIDENT = "resident", "l'habitant ou un proche"
    PROFESSIONAL = "professional", "un professionnel"
    DESK = "desk", "le guichet de la CPTS"
    PAPER = "paper", "un formulaire papier"
    PHONE = "phone", "le téléphone"
    CPAM_FILE = "cpam_file", "un fichier de la CPAM"


HOUSEHOLD_MAX = 20
# The longest trip somebody accepts, in minutes: what may be held, what forms offer.
TRAVEL_MIN, TRAVEL_MAX = 5, 240
NO_LIMIT = "pas de limite"
TRIPS = [(str(minutes), f"{minutes} minutes") for minutes in (15, 30, 45, 60, 90)]
# What whoever asks on the public site acts under: the form, and nothing else.
PUBLIC_SITE = "public_site"
# Somebody else told of the resident: what they gave was not given to be written to.
GIVEN_BY_OTHERS = (Channel.PROFESSIONAL, Channel.CPAM_FILE)
# Nobody is there to be given the code by voice.
FROM_AFAR = (*GIVEN_BY_OTHERS, Channel.PAPER)
# What the desk chooses from: a file is loaded, a professional signals from their own page.
AT_THE_DESK = (Channel.PHONE, Channel.DESK, Channel.PAPER, Channel.RESIDENT, Channel.PROFESSIONAL)


class Answer(models.TextChoices):
    """What was said; nothing: it was not asked, or they did not say."""

    YES = "yes", "oui"
    NO = "no", "non"


class WishKind(models.TextChoices):
    """What a resident says of a doctor."""

    ONLY = "only", "médecin souhaité"
    NEVER = "never", "médecin non souhaité"


class AttributionState(models.TextChoices):
    SENT = "sent", "en attente de réponse"
    ACCEPTED = "accepted", "acceptée"
    REFUSED = "refused", "refusée"
    EXPIRED = "expired", "sans réponse"
    WITHDRAWN = "withdrawn", "retirée"


A = AttributionState
ATTRIBUTION_TRANSITIONS: dict[str, frozenset[str]] = {
    A.SENT: frozenset({A.ACCEPTED, A.REFUSED, A.EXPIRED, A.WITHDRAWN}),
    A.ACCEPTED: frozenset({A.WITHDRAWN}),
    A.REFUSED: frozenset(),
    A.EXPIRED: frozenset(),
    A.WITHDRAWN: frozenset(),
}
LIVE = (A.SENT, A.ACCEPTED)


class RefusalReason(models.TextChoices):
    """Closed list: never health, never anything of the person."""

    FULL = "full", "plus de place finalement"
    TOO_FAR = "too_far", "trop loin"
    NO_HOME_VISIT = "no_home_visit", "pas de visite à domicile"
    AGES = "ages", "âge hors de mon exercice"
    LEAVING = "leaving", "cesse ou réduit son activité"
    OTHER = "other", "autre raison"


class WithdrawalReason(models.TextChoices):
    """Closed list: never health."""

    ASKED = "asked", "la personne le demande"
    MOVED = "moved", "a quitté le territoire"
    UNREACHABLE = "unreachable", "injoignable malgré plusieurs essais"
    DECEASED = "deceased", "décès"
    OTHER = "other", "autre raison"


class Criterion(models.TextChoices):
    """What a written rule of the CPTS may look at: a closed list."""

    ALD = "ald", "affection de longue durée (ALD)"
    C2S = "c2s", "C2S ou AME"
    AGE_FROM = "age_from", "âge, à partir de (ans)"
    WAITING_DAYS = "waiting_days", "attente, à partir de (jours)"
    HOME_BOUND = "home_bound", "ne peut pas se déplacer"


WITH_A_THRESHOLD = (Criterion.AGE_FROM, Criterion.WAITING_DAYS)
# The field of the settings that must be switched on before a rule looks at it.
NEEDS: dict[str, str] = {Criterion.ALD: "asks_ald", Criterion.C2S: "asks_c2s"}
LAST_RANK = 9
# Days within which an answer is promised.
PROMISED_MIN, PROMISED_MAX = 30, 90
# Between two publications of the numbers of the waiting list.
PUBLISHED_DAYS = 91

# Doctors who are médecins traitants: general care, and paediatricians for children.
GENERAL_CARE = frozenset({"", "SM54", "SM40"})
AGE_MAX = 130


class AnsweredVia(models.TextChoices):
    LINK = "link", "le lien reçu"
    PAGE = "page", "sa page"
    COORDINATION = "coordination", "la coordination, de vive voix"


# Closed, calls without an answer after which the desk stops trying to tell.
LAST_CALL = 3


class EventKind(models.TextChoices):
    RECORDED = "recorded", "reçue"
    AGREEMENT = "agreement", "accord"
    CHANGED = "changed", "corrigée"
    WITHDRAWN = "withdrawn", "retirée"
    FOUND = "found", "médecin trouvé"
    MERGED = "merged", "fusion"
    OWNER = "owner", "responsable"
    REMINDED = "reminded", "relance"
    CALLED = "called", "appel"
    PROPOSED = "proposed", "proposée"
    ACCEPTED = "accepted", "acceptée"
    REFUSED = "refused", "refusée"
    DECLARED = "declared", "déclarée"
    CLOSED = "closed", "close"


@dataclass(frozen=True, slots=True)
class CpamRow:
    """One line of a list sent by the CPAM, as understood; `line`: its number in the file."""

    line: int
    family_name: str
    given_name: str
    birth_date: dt.date
    insee: str
    phone: str = ""
    email: str = ""
    ald: str = ""
    c2s: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One line put aside: its number and why. Nothing of what it says is kept."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class CpamFile:
    """What a list holds: the lines understood, those that are not."""

    rows: tuple[CpamRow, ...]
    refused: tuple[Quarantined, ...]
