"""Words of what a person was told and agreed to."""

from django.db import models


class AgreementGiver(models.TextChoices):
    """Who agreed. For a minor: a parent; for a protected adult: their legal representative."""

    PATIENT = "patient", "le patient"
    CALLER = "caller", "l'appelant, pour le patient"
    PARENT = "parent", "un parent (mineur)"
    REPRESENTATIVE = "representative", "le représentant légal"


# Who may agree for somebody under 18.
FOR_A_MINOR = frozenset({AgreementGiver.PARENT, AgreementGiver.REPRESENTATIVE})
ADULT_YEARS = 18


class SharingScope(models.TextChoices):
    """With whom identity and contact may be shared, once they accepted."""

    CPTS = "cpts", "un professionnel de la CPTS"
    NEIGHBOURS = "neighbours", "un professionnel de la CPTS ou d'une CPTS voisine"


class AgreementMeans(models.TextChoices):
    SPOKEN = "spoken", "oral"
    WRITTEN = "written", "écrit"


class InformationMeans(models.TextChoices):
    SPOKEN = "spoken", "dite de vive voix"
    SENT = "sent", "envoyée (SMS, courriel)"
    PAPER = "paper", "remise sur papier"
