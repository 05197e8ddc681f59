"""The search widens by itself, circle after circle, and always leaves somebody answering for it."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from maillage.accounts.models import Seat
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed, Unchanged
from maillage.kernel.permissions import Actor
from maillage.kernel.words import clock, day
from maillage.snp.actions.life import (
    NOBODY,
    NoOwner,
    TooLate,
    check_desk,
    circle_end,
    lock,
    own,
    own_by_standby,
    save,
    tell,
)
from maillage.snp.actions.notices import tell_closing, tell_escalated, tell_named, tell_reminded
from maillage.snp.enums import LADDER, Circle, EventKind, OwnerReason, ProposalState
from maillage.snp.models import CareRequest, DeskClosing, DeskSettings, Shortlist
from maillage.snp.queries import Kept, matching_for, settings_of, shortlist_of
from maillage.snp.queries.hours import last_closing
from maillage.snp.queries.ladder import (
    SEARCHING,
    active_seats,
    circle_exists,
    deadlines_of,
    is_to_warn,
    minutes_of,
    standby,
)
from maillage.snp.rules import can_dispatch
from maillage.territory.models import Cpts

# Of somebody: the professional's answer, or the desk's to another hour.
AWAITED = (ProposalState.SENT, ProposalState.COUNTERED)
HAND_OVER_NOW = "Aucun cercle n'a répondu : transmettez au 15 maintenant."


class DeskCannotClose(TooLate):
    """Requests are open and nobody is on call, nor any coordinator."""


def begin_circles(care_request: CareRequest, settings: DeskSettings | None = None) -> None:
    """Open the first circle where there is somebody to ask. `settings`: as just read."""
    if care_request.status in SEARCHING:
        settings = settings or settings_of(care_request.cpts)
        _climb(care_request, LADDER[0], settings)


def _climb(care_request: CareRequest, first: Circle, settings: DeskSettings) -> None:
    """Open `first` or, when nobody is in it or it lasts no time, the one after, and so on."""
    now = timezone.now()
    for circle in LADDER[LADDER.index(first) :]:
        if not circle_exists(care_request, circle, now):
            continue
        care_request.circle, care_request.circle_at = circle, now
        if circle == Circle.DUTY:
            own_by_standby(care_request)
        if minutes_of(circle, settings) != 0:
            break
    care_request.circle_until = circle_end(care_request, settings, now)


@transaction.atomic
def widen(*, by: Actor, care_request: CareRequest, seen: str = "") -> CareRequest:
    """Open the next circle: the clock when this one has lasted its time, the desk before.

    `seen`: the circle on the screen of whoever asks; once it is past (a second click, a colleague,
    the clock), nothing more is opened. Raises NotAllowed, TooLate (the search is over, or every
    circle is open), NoOwner.
    """
    if by.kind != "system":
        check_desk(by, care_request)
    care_request = lock(care_request)
    if seen and care_request.circle != seen:
        return care_request
    now = timezone.now()
    is_due = care_request.circle_until is not None and care_request.circle_until <= now
    if care_request.status not in SEARCHING or (by.kind == "system" and not is_due):
        if by.kind == "system":
            return care_request
        raise TooLate("La recherche est terminée pour cette demande.")
    if care_request.circle == Circle.HAND_OVER:
        raise TooLate("Tous les cercles sont ouverts : transmettez la demande au 15.")
    before, owner = Circle(care_request.circle), care_request.owner_id
    _climb(care_request, LADDER[LADDER.index(before) + 1], settings_of(care_request.cpts, now))
    circle = Circle(care_request.circle)
    has_new_owner = care_request.owner_id != owner
    if circle == Circle.HAND_OVER:
        care_request.alert = HAND_OVER_NOW
    elif circle == Circle.DUTY:
        care_request.alert = f"Personne n'a répondu : {care_request.owner.user} s'en charge."[:200]
    elif not care_request.proposals.filter(state__in=AWAITED).exists():
        care_request.alert = f"Cercle élargi à {circle.label} : proposez."
    save(care_request, by=by)
    tell(care_request, EventKind.WIDENED, f"Après {before.label} : {circle.label}.", by=by)
    keep_shortlist(care_request)
    journal.record(
        "snp.widened", care_request, by=by, cpts=care_request.cpts_id, circle=circle.value
    )
    if has_new_owner or circle in (Circle.DUTY, Circle.HAND_OVER):
        tell_named(care_request, by=by)
    pulse.bump(care_request.cpts_id)
    return care_request


@transaction.atomic
def watch(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """Remind the owner who does not act, then the coordination; warn before a deadline.

    Nothing happens before its hour, so it may be called twice. Raises NotAllowed (only the clock).
    """
    if by.kind != "system":
        raise NotAllowed("Les relances partent toutes seules.")
    care_request = lock(care_request)
    now = timezone.now()
    if care_request.closed_at is not None or (care_request.watch_at or now) > now:
        return care_request
    settings = settings_of(care_request.cpts, now)
    told = _warn(care_request, settings, now, by=by)
    waited = now - care_request.waiting_since if care_request.waiting_since else None
    if waited is not None and waited.total_seconds() >= settings.remind_minutes * 60:
        told |= _remind(care_request, settings, now, by=by)
    save(care_request, by=by)
    if told:
        journal.record("snp.watched", care_request, by=by, cpts=care_request.cpts_id)
        pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


def _warn(
    care_request: CareRequest, settings: DeskSettings, now: dt.datetime, *, by: Actor
) -> bool:
    """Say, once for each deadline, that it comes near or has passed with nothing arranged."""
    due = None
    for deadline in deadlines_of(care_request, settings, now):
        is_near = deadline.at - now <= dt.timedelta(minutes=settings.warn_minutes)
        if is_near and is_to_warn(care_request, deadline.hours, deadline.at):
            care_request.warned_hours, due = deadline.hours, deadline
    if due is None:
        return False
    zone = ZoneInfo(care_request.cpts.zone)
    left = f"bientôt dépassé : {day(due.at, zone)} à {clock(due.at, zone)}"
    text = f"Délai de {due.hours} h {'dépassé' if now > due.at else left}."
    care_request.alert = care_request.alert or text
    tell(care_request, EventKind.WARNED, text, by=by)
    tell_reminded(care_request, text, f"warned:{due.hours}", by=by)
    return True


def _remind(
    care_request: CareRequest, settings: DeskSettings, now: dt.datetime, *, by: Actor
) -> bool:
    minutes = int((now - care_request.waiting_since).total_seconds() // 60)
    text = f"La demande n° {care_request.number} attend un acte depuis {minutes} min."
    since = int(care_request.waiting_since.timestamp())
    if care_request.reminded_at is None:
        care_request.reminded_at = now
        tell(care_request, EventKind.REMINDED, f"Relance de {care_request.owner.user}.", by=by)
        tell_reminded(care_request, text, f"remind:{since}", by=by)
        return True
    last = care_request.escalated_at or care_request.waiting_since
    if now - last < dt.timedelta(minutes=settings.escalate_minutes):
        return False
    care_request.escalated_at = now
    tell(care_request, EventKind.ESCALATED, "Coordination prévenue : personne n'a agi.", by=by)
    tell_escalated(care_request, text, f"escalate:{int(now.timestamp())}", by=by)
    return True


@transaction.atomic
def heal_owner(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """Give a request whose owner can no longer act to the person on call, else the coordinator.

    Raises NotAllowed, NoOwner.
    """
    if by.kind != "system":
        raise NotAllowed("Un responsable parti est remplacé tout seul.")
    care_request = lock(care_request)
    now = timezone.now()
    seats = active_seats(care_request.cpts_id, now)
    if care_request.closed_at is not None or seats.filter(pk=care_request.owner_id).exists():
        return care_request
    found = standby(care_request.cpts_id, now)
    if found is None:
        raise NoOwner(NOBODY)
    own(care_request, *found)
    save(care_request, by=by)
    text = f"Responsable parti : {found[0].user} prend la suite."
    tell(care_request, EventKind.OWNER, text, by=by)
    journal.record("snp.owner_replaced", care_request, by=by, cpts=care_request.cpts_id)
    tell_named(care_request, by=by)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def close_desk(*, by: Actor, cpts: Cpts) -> DeskClosing | None:
    """Close the desk: each open request goes to the person on call, else to the coordinator.

    The clock closes once, at the end of the opening hours, and leaves alone what somebody took
    since. None when there is nothing to close. Raises NotAllowed, DeskCannotClose, Unchanged (closed
    today already, and nothing is left to hand to whoever answers).
    """
    if not (by.kind == "system" or can_dispatch(by, cpts)):
        raise NotAllowed("Seule la régulation SNP ferme la régulation.")
    now = timezone.now()
    closed_at = now
    if by.kind == "system":
        closed_at = last_closing(cpts, now)
        if closed_at is None or DeskClosing.objects.filter(cpts=cpts, at__gte=closed_at).exists():
            return None
    requests = CareRequest.objects.select_for_update(of=("self",)).filter(cpts=cpts, closed_at=None)
    requests = [each for each in requests.order_by("pk") if each.owned_at <= closed_at]
    found = standby(cpts, now)
    if requests and (found is None or found[1] == OwnerReason.ADMINISTRATOR):
        raise DeskCannotClose(
            "La régulation ne peut pas fermer : des demandes sont ouvertes et il n'y a "
            "ni personne d'astreinte, ni coordinateur. Remplissez le tableau d'astreinte."
        )
    seat = found[0] if found else None
    to_hand = [each for each in requests if each.owner_id != seat.pk]
    if by.kind != "system" and not to_hand:
        _check_not_closed(cpts, seat, now)
    for care_request in to_hand:
        own(care_request, *found)
        save(care_request, by=by)
        text = f"Régulation fermée : {seat.user} répond de la demande."
        tell(care_request, EventKind.OWNER, text, by=by)
    closing = DeskClosing.objects.create(
        cpts=cpts, at=now, by_seat_id=by.seat_id, owner=seat, requests=len(requests)
    )
    journal.record("snp.desk_closed", closing, by=by, cpts=cpts, requests=len(requests))
    if requests:
        tell_closing(closing, by=by)
    pulse.bump(cpts.pk)
    return closing


def _check_not_closed(cpts: Cpts, seat: Seat | None, now: dt.datetime) -> None:
    """A second closing of the day that would hand nothing over is the first one told again."""
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    last = DeskClosing.objects.filter(cpts=cpts).first()
    zone = ZoneInfo(cpts.zone)
    if last is None or last.at.astimezone(zone).date() != now.astimezone(zone).date():
        return
    if last.owner_id == (seat.pk if seat else None):
        answers = f" {seat.user} répond des demandes ouvertes." if seat else ""
        raise Unchanged(f"La régulation est déjà fermée depuis {clock(last.at, zone)}.{answers}")


def keep_shortlist(care_request: CareRequest, kept: Kept | None = None) -> None:
    """Keep what the ranking said of everybody just now: why somebody was asked, or was not."""
    people, sentences = kept or shortlist_of(matching_for(care_request))
    Shortlist.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        at=timezone.now(),
        circle=care_request.circle,
        people=people,
        sentences=sentences,
    )
