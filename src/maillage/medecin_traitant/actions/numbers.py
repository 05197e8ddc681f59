"""The numbers of the waiting list, published."""

from django.db import transaction
from django.utils import timezone

from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.models import PublishedNumbers
from maillage.medecin_traitant.queries import (
    figures_of,
    is_publication_due,
    last_published,
    numbers_of,
    rules_of,
    settings_of,
)
from maillage.territory.models import Cpts


class TooSoon(DomainError):
    """Published not long ago, or nothing that could be shown."""


@transaction.atomic
def publish_numbers(*, by: Actor, cpts: Cpts) -> PublishedNumbers:
    """Write the numbers of now, small counts hidden, for those who see no request.

    Raises NotAllowed, TooSoon.
    """
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge publie les chiffres.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    now = timezone.now()
    settings = settings_of(cpts, now)
    if not is_publication_due(cpts, settings, now):
        raise TooSoon("Les chiffres sont déjà publiés, ou trop peu de personnes attendent.")
    numbers = numbers_of(cpts, settings, rules_of(cpts), now=now)
    figures, last = figures_of(numbers), last_published(cpts)
    if (
        last is not None
    ):  # a month is told once: a second count would tell what became of one person
        told = {month[0]: month for month in last.figures["months"]}
        figures["months"] = [told.get(month[0], month) for month in figures["months"]]
    published = PublishedNumbers.objects.create(cpts=cpts, taken_at=now, figures=figures)
    journal.record("mt.numbers_published", published, by=by, cpts=cpts)
    return published
