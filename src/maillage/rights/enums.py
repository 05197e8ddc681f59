"""Words of retention and of the rights of persons."""

from django.db import models

from maillage.kernel.retention import RetentionClass as Of


class Step(models.TextChoices):
    """What is done at a limit."""

    ERASE = "erase", "vider les colonnes qui identifient"
    DELETE = "delete", "supprimer"


class CountedFrom(models.TextChoices):
    """What a duration counts from: the end of the row itself, or that of a contract it proves."""

    END = "end", "la fin de la ligne elle-même"
    CONTRACT = "contract", "la fin du contrat ACI qu'elle prouve"


# What « la fin » is, class by class, and what happens at each limit, said to whoever decides.
ENDS: dict[str, str] = {
    Of.CARE_REQUEST: "la clôture de la demande",
    Of.RESIDENT: "la clôture de la dernière demande de l'habitant, ou la création de sa fiche",
    Of.CONSENT: "la fin de ce qu'ils permettent",
    Of.NOTICE: "l'envoi, ou l'abandon après plusieurs essais",
    Of.SEAT: "le départ du dernier rôle, et la dernière connexion",
    Of.TOKEN: "l'expiration",
    Of.AVAILABILITY: "la fin du créneau, de l'absence, du remplacement ou de l'astreinte",
    Of.DIRECTORY: "la sortie de l'annuaire, du cercle ou de la structure",
    Of.DECISION: "le remplacement par une autre décision",
    Of.JOURNAL: "la ligne elle-même",
}
DONE: dict[tuple[str, str], str] = {
    (Of.CARE_REQUEST, Step.ERASE): "téléphone, appelant, précision, historique écrit",
    (Of.CARE_REQUEST, Step.DELETE): "toute la demande ; il n'en reste que des comptes par mois",
    (Of.RESIDENT, Step.ERASE): "nom, date de naissance, téléphone, adresse, clés de recherche",
    (Of.RESIDENT, Step.DELETE): "la fiche, une fois toutes ses demandes supprimées",
    (Of.CONSENT, Step.DELETE): "l'information et l'accord",
    (Of.NOTICE, Step.ERASE): "destinataire, objet, texte",
    (Of.NOTICE, Step.DELETE): "le message",
    (Of.SEAT, Step.ERASE): "nom, adresse et moyens de connexion du compte",
    (Of.SEAT, Step.DELETE): "le rôle et les liens du compte, quand plus rien n'y renvoie",
    (Of.TOKEN, Step.DELETE): "la session ou le lien",
    (Of.AVAILABILITY, Step.DELETE): "le créneau, la plage, l'absence, l'astreinte",
    (Of.DIRECTORY, Step.DELETE): "la ligne, sa note, ses contacts",
    (Of.DECISION, Step.DELETE): "la décision et le nom de qui l'a signée",
    (Of.JOURNAL, Step.DELETE): "les lignes, remplacées par une seule, scellée",
}


class ErasureReason(models.TextChoices):
    """Why a person is erased before the time (RGPD art. 17.1)."""

    NOT_NEEDED = "not_needed", "les données ne sont plus nécessaires (17.1 a)"
    WITHDRAWN = "withdrawn", "l'accord est retiré (17.1 b)"
    OPPOSED = "opposed", "la personne s'oppose au traitement (17.1 c)"
    UNLAWFUL = "unlawful", "elles n'auraient pas dû être recueillies (17.1 d)"
    LEGAL = "legal", "une loi l'exige (17.1 e)"


# Tables as the person reads them.
TITLES: dict[str, str] = {
    "account.EmailConfirmation": "Confirmations d'adresse",
    "accounts.Notice": "Messages écrits",
    "accounts.ProfessionalIdentity": "Cartes de professionnel reconnues",
    "accounts.Seat": "Rôles",
    "accounts.User": "Compte",
    "account.EmailAddress": "Adresses du compte",
    "availability.Absence": "Absences",
    "availability.AskingPreferences": "Sollicitations",
    "availability.Opening": "Moments ouverts",
    "availability.Slot": "Créneaux",
    "availability.UsualVisibility": "Visibilité habituelle",
    "availability.WeeklyPeriod": "Plages de la semaine",
    "directory.Delegation": "Délégations",
    "directory.Place": "Lieux d'exercice",
    "directory.Professional": "Fiche professionnelle",
    "directory.ProfessionalAccount": "Liens du compte avec une fiche",
    "directory.ProfessionalLanguage": "Langues",
    "directory.ProfessionalWord": "Mots de recherche",
    "medecin_traitant.Attribution": "Médecins proposés",
    "medecin_traitant.DoctorOffer": "Offres de médecin traitant",
    "medecin_traitant.PlannedPair": "Médecins traitants envisagés",
    "medecin_traitant.DoctorRequest": "Demandes de médecin traitant",
    "medecin_traitant.DoctorRequestEvent": "Histoire des demandes de médecin traitant",
    "medecin_traitant.DoctorWish": "Médecins souhaités ou non",
    "mfa.Authenticator": "Seconds facteurs",
    "residents.InformationGiven": "Informations données",
    "residents.Resident": "Fiche d'habitant",
    "residents.SharingAgreement": "Accords de partage",
    "sessions.Session": "Sessions",
    "snp.BreakGlass": "Accès exceptionnels (bris de glace)",
    "snp.Call": "Appels de la régulation",
    "snp.CareRequest": "Demandes de soins",
    "snp.CareRequestEvent": "Histoire des demandes",
    "snp.HandOver": "Transmissions au 15",
    "snp.InformAttempt": "Essais de prévenir",
    "snp.Proposal": "Propositions à des professionnels",
    "snp.Shortlist": "Classements",
    "usersessions.UserSession": "Connexions",
}

# Columns that the tables leave unnamed.
COLUMNS: dict[str, str] = {
    "id": "n° interne",
    "agreement": "accord entre CPTS",
    "agreement by": "accord recueilli par",
    "alert": "alerte",
    "answered at": "répondue à",
    "answered by": "réponse notée par",
    "answered by seat": "répondue par",
    "answered via": "réponse venue de",
    "booking": "créneau",
    "by kind": "auteur",
    "by seat": "par",
    "cancelled by": "annulée par",
    "care request": "demande",
    "changed at": "changé à",
    "channel": "moyen",
    "chosen at": "choisie à",
    "circle": "cercle",
    "closed at": "close à",
    "collected by": "recueilli par",
    "commune": "commune",
    "confirmed by": "confirmée par",
    "created at": "créée à",
    "date joined": "ouvert à",
    "doctor request": "demande",
    "erased at": "effacée à",
    "escalated at": "remontée à",
    "flags checked by": "signes demandés par",
    "for cpts": "membres de la CPTS",
    "for pro": "professionnels",
    "for public": "tout public",
    "for snp": "soins non programmés",
    "given by": "donnée par",
    "inform state": "patient prévenu",
    "information": "information donnée",
    "invited at": "invité à",
    "ip": "adresse du réseau",
    "key": "clé de l'envoi",
    "kind": "nature",
    "last seen at": "vue à",
    "last used at": "dernier usage",
    "locum": "remplaçant",
    "means": "moyen",
    "merged into": "réunie à la demande",
    "mode": "mode de réservation",
    "next try at": "prochain essai",
    "notice": "texte lu",
    "opening": "moment ouvert",
    "owner": "responsable",
    "owner why": "raison du responsable",
    "people": "professionnels classés",
    "period": "plage",
    "place": "lieu",
    "professional": "professionnel",
    "received by": "reçue par",
    "red flag": "signe d'alerte",
    "refusal reason": "motif du refus",
    "reminded at": "rappelée à",
    "resident": "habitant",
    "review": "relecture",
    "reviewed at": "relue à",
    "reviewed by": "relue par",
    "role": "rôle",
    "seat": "par",
    "secretary": "secrétaire",
    "sent at": "partie à",
    "sent by": "envoyée par",
    "sentences": "raisons du classement",
    "sharing": "accord de partage",
    "state": "état",
    "status": "état",
    "tries": "essais",
    "type": "nature",
    "user": "compte",
    "user agent": "navigateur",
    "verified by": "vérifié par, rôle",
    "version": "version",
    "watch at": "prochaine veille",
    "withdrawn by": "retiré par",
}
