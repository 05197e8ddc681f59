"""Words of unscheduled care (soins non programmés, SNP) and the life of a request."""

from django.db import models


class CareRequestStatus(models.TextChoices):
    NEW = "new", "À traiter"
    PROPOSED = "proposed", "Proposée"
    ACCEPTED = "accepted", "Acceptée"
    INFORMED = "informed", "Patient informé"
    HONOURED = "honoured", "Honorée"
    MISSED = "missed", "Non honorée"
    CANCELLED = "cancelled", "Annulée"
    HANDED_OVER = "handed_over", "Transmise au 15"
    MERGED = "merged", "Fusionnée"


# Which specialities answer when « médecin » is asked without more; ages then decide.
GENERAL_CARE = frozenset({"", "SM54", "SM40"})

S = CareRequestStatus
ENDS = frozenset({S.CANCELLED, S.HANDED_OVER, S.MERGED})
TRANSITIONS: dict[str, frozenset[str]] = {
    S.NEW: frozenset({S.PROPOSED}) | ENDS,
    S.PROPOSED: frozenset({S.ACCEPTED, S.NEW}) | ENDS,
    S.ACCEPTED: frozenset({S.INFORMED, S.NEW}) | ENDS,
    S.INFORMED: frozenset({S.HONOURED, S.MISSED, S.NEW}) | ENDS,
    S.HONOURED: frozenset(),
    # A missed appointment ends nothing: somebody calls the patient back, then decides.
    S.MISSED: frozenset({S.NEW}) | ENDS,
    S.CANCELLED: frozenset(),
    S.HANDED_OVER: frozenset(),
    S.MERGED: frozenset({S.NEW}),  # merged by mistake
}
OPEN = (S.NEW, S.PROPOSED, S.ACCEPTED, S.INFORMED, S.MISSED)
# Deadlines are watched until a place is accepted and the patient informed.
WATCHED = (S.NEW, S.PROPOSED, S.ACCEPTED, S.MISSED)


# The alert of a request whose professional has since said they will be away.
AWAY = "Le professionnel s'est déclaré absent : réorientez."


class Circle(models.TextChoices):
    """How far the search has widened. The order is that of the ladder (`LADDER`)."""

    USUAL_DOCTOR = "usual_doctor", "médecin traitant"
    RING = "ring", "cercle choisi"
    CPTS = "cpts", "toute la CPTS"
    NEIGHBOURS = "neighbours", "CPTS voisines"
    DUTY = "duty", "personne d'astreinte"
    HAND_OVER = "hand_over", "à transmettre au 15"


LADDER: tuple[Circle, ...] = tuple(Circle)
# Column of DeskSettings that holds how long a circle lasts before the next one opens.
CIRCLE_MINUTES: dict[str, str] = {
    Circle.USUAL_DOCTOR: "usual_doctor_circle_minutes",
    Circle.RING: "ring_circle_minutes",
    Circle.CPTS: "cpts_circle_minutes",
    Circle.NEIGHBOURS: "neighbours_circle_minutes",
    Circle.DUTY: "duty_circle_minutes",
}


class OwnerReason(models.TextChoices):
    """Why this person answers for the request."""

    RECEIVED = "received", "a reçu l'appel"
    TOOK = "took", "a pris la demande"
    SHIFT = "shift", "relève"
    ON_CALL = "on_call", "astreinte"
    COORDINATOR = "coordinator", "coordination"
    ADMINISTRATOR = "administrator", "administration, faute de coordinateur"


class HoursKind(models.TextChoices):
    DESK = "desk", "régulation ouverte"
    PDSA = "pdsa", "permanence des soins (PDSA)"


HOLIDAY = 7  # after the seven weekdays: hours of a public holiday


class AppointmentOutcome(models.TextChoices):
    HONOURED = "honoured", "honoré"
    MISSED = "missed", "non honoré"
    CANCELLED = "cancelled", "annulé"


class CallTo(models.TextChoices):
    """Whom the desk called."""

    PATIENT = "patient", "le patient ou l'appelant"
    PROFESSIONAL = "professional", "un professionnel"
    SAS = "sas", "le 15 / SAS"
    OTHER = "other", "une autre personne"


class CallResult(models.TextChoices):
    REACHED = "reached", "joint"
    MESSAGE = "message", "message laissé"
    NO_ANSWER = "no_answer", "pas de réponse"
    BUSY = "busy", "occupé"
    WRONG_NUMBER = "wrong_number", "numéro erroné"


class ProposalState(models.TextChoices):
    SENT = "sent", "en attente de réponse"
    ACCEPTED = "accepted", "acceptée"
    REFUSED = "refused", "refusée"
    EXPIRED = "expired", "sans réponse"
    WITHDRAWN = "withdrawn", "retirée"
    COUNTERED = "countered", "autre heure proposée"


PROPOSAL_TRANSITIONS: dict[str, frozenset[str]] = {
    ProposalState.SENT: frozenset(
        {
            ProposalState.ACCEPTED,
            ProposalState.REFUSED,
            ProposalState.EXPIRED,
            ProposalState.WITHDRAWN,
            ProposalState.COUNTERED,
        }
    ),
    ProposalState.ACCEPTED: frozenset({ProposalState.WITHDRAWN}),
    ProposalState.REFUSED: frozenset(),
    # Too late still counts when the request and a place are free.
    ProposalState.EXPIRED: frozenset({ProposalState.ACCEPTED}),
    ProposalState.WITHDRAWN: frozenset(),
    # The desk asks the patient, then takes the other time or not.
    ProposalState.COUNTERED: frozenset({ProposalState.ACCEPTED, ProposalState.WITHDRAWN}),
}


class RefusalReason(models.TextChoices):
    """Closed list: never health, never anything about the person."""

    NO_TIME = "no_time", "pas de disponibilité finalement"
    OUT_OF_SCOPE = "out_of_scope", "ne relève pas de mon exercice"
    TOO_FAR = "too_far", "trop loin"
    AWAY = "away", "absent"
    OTHER = "other", "autre raison"


class Channel(models.TextChoices):
    """Who brought the request. The 15/SAS matters for the SNP fee."""

    SAS = "sas", "15 / SAS"
    PROFESSIONAL = "professional", "professionnel"
    PHARMACIST = "pharmacist", "pharmacien"
    PATIENT = "patient", "patient ou proche"
    DESK = "desk", "régulation de la CPTS"


class Reason(models.TextChoices):
    """Coded reason: what the caller says, never a diagnosis."""

    FEVER = "fever", "Fièvre"
    PAIN = "pain", "Douleur"
    BACK_PAIN = "back_pain", "Mal de dos"
    COUGH = "cough", "Toux, rhume, gorge"
    EAR = "ear", "Oreille"
    EYE = "eye", "Œil"
    TOOTH = "tooth", "Dent"
    DIGESTIVE = "digestive", "Ventre, digestion"
    URINARY = "urinary", "Gêne urinaire"
    SKIN = "skin", "Peau, bouton, piqûre"
    WOUND = "wound", "Plaie, pansement"
    FALL = "fall", "Chute, coup, entorse"
    TREATMENT = "treatment", "Traitement à renouveler"
    CERTIFICATE = "certificate", "Certificat"
    MOOD = "mood", "Mal-être"
    PREGNANCY = "pregnancy", "Grossesse, suites de couches"
    OTHER = "other", "Autre"


class AgeBand(models.TextChoices):
    INFANT = "0-1", "Nourrisson (moins de 2 ans)"
    TODDLER = "2-5", "Enfant de 2 à 5 ans"
    CHILD = "6-15", "Enfant de 6 à 15 ans"
    ADULT = "16-69", "Adulte (16 à 69 ans)"
    SENIOR = "70-130", "70 ans et plus"

    @property
    def ages(self) -> tuple[int, int]:
        low, high = self.value.split("-")
        return int(low), int(high)


MINORS = frozenset({AgeBand.INFANT, AgeBand.TODDLER, AgeBand.CHILD})


class InformState(models.TextChoices):
    NOT_YET = "not_yet", "sans objet"
    TO_INFORM = "to_inform", "à informer"
    ATTEMPTED = "attempted", "pas encore joint"
    INFORMED = "informed", "informé"
    UNREACHABLE = "unreachable", "injoignable"
    REFUSED = "refused", "refuse le rendez-vous"


class InformMeans(models.TextChoices):
    PHONE = "phone", "téléphone"
    SMS = "sms", "SMS"
    IN_PERSON = "in_person", "de vive voix"


class InformResult(models.TextChoices):
    REACHED = "reached", "patient informé"
    SENT = "sent", "SMS envoyé"
    NO_ANSWER = "no_answer", "pas de réponse"
    UNREACHABLE = "unreachable", "injoignable"
    REFUSED = "refused", "le patient refuse"


class CancelledBy(models.TextChoices):
    PATIENT = "patient", "le patient"
    PROFESSIONAL = "professional", "le professionnel"
    DESK = "desk", "la régulation"


class EventKind(models.TextChoices):
    CREATED = "created", "reçue"
    TAKEN = "taken", "prise en charge"
    CHANGED = "changed", "modifiée"
    AGREEMENT = "agreement", "accord"
    RED_FLAG = "red_flag", "signes d'alerte"
    PROPOSED = "proposed", "proposée"
    BOOKED = "booked", "réservée"
    ACCEPTED = "accepted", "acceptée"
    REFUSED = "refused", "refusée"
    EXPIRED = "expired", "sans réponse"
    WITHDRAWN = "withdrawn", "retirée"
    REORIENTED = "reoriented", "réorientée"
    INFORM = "inform", "information du patient"
    OUTCOME = "outcome", "issue"
    CANCELLED = "cancelled", "annulée"
    HANDED_OVER = "handed_over", "transmise au 15"
    CONFIRMED = "confirmed", "reprise par le 15"
    WIDENED = "widened", "cercle élargi"
    OWNER = "owner", "responsable"
    REMINDED = "reminded", "relance"
    ESCALATED = "escalated", "coordination prévenue"
    WARNED = "warned", "délai bientôt dépassé"
    CALL = "call", "appel"
    COUNTERED = "countered", "autre heure"
    AWAY = "away", "absence"
    MERGED = "merged", "fusion"


class GlassMotive(models.TextChoices):
    """Why a person who has no care relation must see one patient's identity now."""

    DANGER = "danger", "danger pour le patient"
    UNREACHABLE = "unreachable", "régulation injoignable, patient à joindre"
    CONTINUITY = "continuity", "suite de soins, confrère empêché"
    COMPLAINT = "complaint", "réclamation ou incident à traiter"
    OTHER = "other", "autre motif, écrit ci-dessous"


class GlassReview(models.TextChoices):
    JUSTIFIED = "justified", "justifié"
    NOT_JUSTIFIED = "not_justified", "non justifié"
