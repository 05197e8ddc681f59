"""Nothing is visible until the professional chose, once, who sees what they open."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from maillage.availability.actions.shelves import shelve_slots_of
from maillage.availability.enums import Audience
from maillage.availability.models import (
    CptsVisibility,
    Opening,
    Slot,
    UsualVisibility,
    WeeklyPeriod,
)
from maillage.availability.queries import cptss_of
from maillage.availability.rules import can_edit_availability
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor

FLAGS = {
    Audience.PUBLIC: "for_public",
    Audience.PRO: "for_pro",
    Audience.SNP: "for_snp",
    Audience.CPTS: "for_cpts",
}


class VisibilityNotChosen(DomainError):
    """The first opening asks who may see it."""


def flags_of(audiences: set[str]) -> dict[str, bool]:
    return {flag: audience in audiences for audience, flag in FLAGS.items()}


def cpts_ids_of(professional: Professional) -> list[int]:
    """CPTSs whose desk may be showing this professional."""
    return list(
        CptsVisibility.objects.filter(professional=professional).values_list("cpts", flat=True)
    )


@transaction.atomic
def choose_visibility(
    *,
    by: Actor,
    professional: Professional,
    audiences: set[str],
    given: Mapping[int, tuple[bool, bool]],
) -> UsualVisibility:
    """Choose who sees this professional's slots, today's and future ones, from now on.

    `audiences` is a set of Audience; `given[cpts_id] = (to its SNP desk, to its members)`. A CPTS
    left out of `given` sees nothing more, at once. Raises NotAllowed, VisibilityNotChosen.
    """
    if not can_edit_availability(by, professional):
        raise NotAllowed("Seul le professionnel, ou sa secrétaire, choisit qui voit ses créneaux.")
    if not audiences <= set(Audience.values):
        raise VisibilityNotChosen("Choisissez parmi les visibilités proposées.")
    if not set(given) <= {cpts.pk for cpts in cptss_of(professional)}:
        raise VisibilityNotChosen("Choisissez parmi les CPTS dont vous êtes dans l'annuaire.")
    Professional.objects.select_for_update(of=("self",), no_key=True).get(pk=professional.pk)
    now, flags = timezone.now(), flags_of(audiences)
    usual, _ = UsualVisibility.objects.update_or_create(
        professional=professional, defaults=flags | {"chosen_at": now, "chosen_by": by.user_id}
    )
    before = cpts_ids_of(professional)
    CptsVisibility.objects.filter(professional=professional).exclude(cpts__in=given).delete()
    for cpts_id, (snp, members) in given.items():
        CptsVisibility.objects.update_or_create(
            professional=professional,
            cpts_id=cpts_id,
            defaults={"snp": snp, "members": members, "chosen_at": now, "chosen_by": by.user_id},
        )
    for offers in (
        WeeklyPeriod.objects.filter(professional=professional),
        Opening.objects.filter(professional=professional, ends_at__gt=now),
        Slot.objects.filter(professional=professional, ends_at__gt=now),
    ):
        offers.update(**flags)
    shelve_slots_of([professional.pk])
    journal.record(
        "availability.visibility_chosen",
        usual,
        by=by,
        cpts=by.cpts_id,
        audiences=sorted(audiences),
        given={str(cpts_id): list(pair) for cpts_id, pair in given.items()},
    )
    pulse.bump(*before, *given)
    return usual


def usual_flags(professional: Professional) -> dict[str, bool]:
    """The flags a new opening takes. Raises VisibilityNotChosen before the first choice."""
    usual = UsualVisibility.objects.filter(professional=professional).first()
    if usual is None:
        raise VisibilityNotChosen(
            "Avant d'ouvrir un premier créneau, choisissez qui pourra voir vos disponibilités."
        )
    return {flag: getattr(usual, flag) for flag in FLAGS.values()}
