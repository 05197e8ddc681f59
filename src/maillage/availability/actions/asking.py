"""How much a professional accepts to be asked: pause, weekly cap, quiet hours, neighbours."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.availability.actions.visibility import cpts_ids_of
from maillage.availability.models import AskingPreferences
from maillage.availability.queries import cptss_of
from maillage.availability.rules import can_edit_availability
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor

DAY_MINUTES = 1440
WEEKLY_MAX = 500  # what the column holds, and more than any week


class BadAsking(DomainError):
    """A choice that cannot hold; the sentence says why."""


def _check(by: Actor, professional: Professional) -> None:
    if not can_edit_availability(by, professional):
        raise NotAllowed(
            "Seul le professionnel, ou sa secrétaire, choisit comment on le sollicite."
        )


def _locked(professional: Professional, by: Actor) -> AskingPreferences:
    """The row to change, held until the end of the transaction; new when nothing was chosen yet."""
    Professional.objects.select_for_update(of=("self",), no_key=True).get(pk=professional.pk)
    chosen = AskingPreferences.objects.filter(professional=professional).first()
    chosen = chosen or AskingPreferences(professional=professional)
    chosen.changed_at, chosen.changed_by = timezone.now(), by.user_id
    return chosen


def _bump(professional: Professional) -> None:
    """Every desk that may be showing this professional."""
    pulse.bump(*{*cpts_ids_of(professional), *(cpts.pk for cpts in cptss_of(professional))})


@transaction.atomic
def pause_asking(
    *, by: Actor, professional: Professional, until: dt.datetime | None
) -> AskingPreferences:
    """Nothing more is asked, every slot is hidden, at once and until `until` (None: until they
    resume). What was accepted stays. Raises NotAllowed, BadAsking (an end already past)."""
    _check(by, professional)
    chosen = _locked(professional, by)
    if until is not None and until <= chosen.changed_at:
        raise BadAsking("La date de reprise est déjà passée.")
    chosen.paused_at, chosen.paused_until = chosen.changed_at, until
    chosen.save()
    journal.record(
        "availability.asking_paused",
        chosen,
        by=by,
        cpts=by.cpts_id,
        until=until.isoformat(timespec="minutes") if until else None,
    )
    _bump(professional)
    return chosen


@transaction.atomic
def resume_asking(*, by: Actor, professional: Professional) -> AskingPreferences:
    """End a pause at once; nothing happens without one. Raises NotAllowed."""
    _check(by, professional)
    chosen = _locked(professional, by)
    if chosen.paused_at is None:
        return chosen
    chosen.paused_at = chosen.paused_until = None
    chosen.save()
    journal.record("availability.asking_resumed", chosen, by=by, cpts=by.cpts_id)
    _bump(professional)
    return chosen


def _check_choices(weekly_cap: int | None, quiet: tuple[int | None, int | None]) -> None:
    if weekly_cap is not None and not 0 < weekly_cap <= WEEKLY_MAX:
        raise BadAsking(
            f"Le plafond de la semaine va de 1 à {WEEKLY_MAX}. "
            "Pour ne rien recevoir, mettez tout en pause."
        )
    if (quiet[0] is None) != (quiet[1] is None):
        raise BadAsking("Les heures calmes ont un début et une fin.")
    if quiet[0] is None:
        return
    if not (0 <= quiet[0] < DAY_MINUTES and 0 <= quiet[1] <= DAY_MINUTES):
        raise BadAsking("Les heures calmes sont des heures du jour, de 0 h à 24 h.")
    if quiet[0] == quiet[1] % DAY_MINUTES:
        raise BadAsking(
            "Les heures calmes ont un début et une fin différents. "
            "Pour ne rien recevoir, mettez tout en pause."
        )


@transaction.atomic
def set_asking(
    *,
    by: Actor,
    professional: Professional,
    weekly_cap: int | None,
    quiet_from_minute: int | None,
    quiet_to_minute: int | None,
    for_neighbours: bool,
) -> AskingPreferences:
    """Choose the weekly cap (None: no limit), the quiet hours in minutes of the wall clock (None: none)
    and whether slots may help the neighbour CPTSs. A pause stays as it is.

    Raises NotAllowed, BadAsking.
    """
    _check(by, professional)
    _check_choices(weekly_cap, (quiet_from_minute, quiet_to_minute))
    chosen = _locked(professional, by)
    chosen.weekly_cap = weekly_cap
    chosen.quiet_from_minute, chosen.quiet_to_minute = quiet_from_minute, quiet_to_minute
    chosen.for_neighbours = for_neighbours
    chosen.save()
    journal.record(
        "availability.asking_set",
        chosen,
        by=by,
        cpts=by.cpts_id,
        weekly_cap=weekly_cap,
        quiet=[quiet_from_minute, quiet_to_minute],
        for_neighbours=for_neighbours,
    )
    _bump(professional)
    return chosen
