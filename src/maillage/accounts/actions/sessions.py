"""Sessions: closed by the person who opened them, or by an administrator of theirs, at once."""

from collections.abc import Sequence

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from maillage.accounts.models import Seat, User
from maillage.accounts.rules import can_end_seat_sessions, can_end_sessions
from maillage.kernel import journal
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor


@transaction.atomic
def end_sessions(*, by: Actor, user: User, sessions: Sequence[UserSession]) -> int:
    """Close these sessions of a person: their next request is a stranger's. How many were closed.

    Raises NotAllowed (only the person, or the system).
    """
    if not can_end_sessions(by, user):
        raise NotAllowed("Chacun ferme ses propres sessions.")
    for session in sessions:
        session.end()
    journal.record("account.sessions_ended", user, by=by, cpts=by.cpts_id, count=len(sessions))
    return len(sessions)


@transaction.atomic
def end_seat_sessions(*, by: Actor, seat: Seat) -> int:
    """Close every session of the account that holds this seat, in an emergency: its next request is a
    stranger's, here and in its other CPTSs. How many were closed.

    Raises NotAllowed (an administrator of the CPTS, for a role that is open or suspended).
    """
    if not can_end_seat_sessions(by, seat):
        raise NotAllowed(
            "Seul un administrateur de la CPTS ferme les sessions, d'un rôle actif ou suspendu."
        )
    sessions = list(UserSession.objects.filter(user=seat.user_id))
    for session in sessions:
        session.end()
    journal.record(
        "seat.sessions_ended",
        seat,
        by=by,
        cpts=seat.cpts_id,
        user=seat.user_id,
        count=len(sessions),
    )
    return len(sessions)


@transaction.atomic
def list_session(*, by: Actor, request: HttpRequest) -> None:
    """Note the session that has just been opened, so that its holder sees it and may close it.

    The log-in library does it by itself for a password and a passkey.
    """
    UserSession.objects.create_from_request(request)
