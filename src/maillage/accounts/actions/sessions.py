"""Sessions: closed by the person who opened them, or by an administrator of theirs, at once; and the
way back of who lost every second factor."""

from collections.abc import Sequence

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from maillage.accounts.actions.notices import queue_notice
from maillage.accounts.enums import Channel
from maillage.accounts.models import Seat, User
from maillage.accounts.queries import own_seats
from maillage.accounts.rules import (
    can_end_seat_sessions,
    can_end_sessions,
    can_forget_second_factors,
)
from maillage.kernel import journal
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor

FORGOTTEN = """Bonjour,

Vos clés d'accès, votre application de codes et vos codes de secours ont été effacés, parce que vous
avez dit ne plus les avoir. Toutes vos sessions sont fermées.

Entrez avec votre mot de passe : la page suivante vous fait choisir un nouveau second facteur.
{site}/compte/login/

Si vous n'avez rien demandé, prévenez tout de suite l'administrateur de votre CPTS.
"""


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
def forget_second_factors(*, by: Actor, user: User) -> int:
    """Take away the keys and codes of somebody who lost them all, and close every session: the next
    log-in, by password, has a new one chosen. The person is told by mail, each of their CPTSs by its
    journal. How many were taken away.

    Raises NotAllowed (only the technical operator, once who asks was recognised).
    """
    if not can_forget_second_factors(by):
        raise NotAllowed("Seul l'opérateur technique efface un second facteur perdu.")
    count, _ = Authenticator.objects.filter(user=user).delete()
    for session in UserSession.objects.filter(user=user):
        session.end()
    for cpts in {seat.cpts for seat in own_seats(user)} or {None}:
        journal.record("account.factors_forgotten", user, by=by, cpts=cpts, count=count)
    queue_notice(
        by=by,
        cpts=None,
        channel=Channel.MAIL,
        recipient=user.email,
        key=f"factors-forgotten:{user.pk}:{timezone.now().isoformat()}",
        subject="Votre second facteur a été effacé",
        body=FORGOTTEN.format(site=settings.SITE_URL),
    )
    return count


@transaction.atomic
def list_session(*, by: Actor, request: HttpRequest) -> None:
    """Note the session that has just been opened, so that its holder sees it and may close it.

    The log-in library does it by itself for a password and a passkey.
    """
    UserSession.objects.create_from_request(request)
