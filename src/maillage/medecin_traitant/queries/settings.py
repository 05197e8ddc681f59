"""What is in force."""

import datetime as dt

from django.utils import timezone

from maillage.kernel.errors import DomainError
from maillage.medecin_traitant.models import MtSettings, PriorityRule
from maillage.territory.models import Cpts


class MtNotSet(DomainError):
    """The search for a médecin traitant has no settings in force."""


def last_settings(cpts: Cpts, now: dt.datetime | None = None) -> MtSettings | None:
    """The settings in force, or None while nobody wrote any."""
    found = MtSettings.objects.filter(cpts=cpts).in_force(now or timezone.now())
    return found.select_related("responsible").first()


def settings_of(cpts: Cpts, now: dt.datetime | None = None) -> MtSettings:
    """The same; raises MtNotSet."""
    settings = last_settings(cpts, now)
    if settings is None:
        raise MtNotSet(
            "La recherche de médecin traitant n'est pas encore réglée : demandez à la coordination "
            "de remplir la page « Réglages médecin traitant »."
        )
    return settings


def rules_of(cpts: Cpts, now: dt.datetime | None = None) -> list[PriorityRule]:
    """The written rules of priority in force, the first class first."""
    return list(PriorityRule.objects.filter(cpts=cpts).in_force(now or timezone.now()))
