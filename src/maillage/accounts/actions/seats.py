"""Seats: invited by an administrator, accepted by the person, opened by an administrator.

Every act on the seats of a CPTS holds the row of the CPTS, so that two administrators never leave
together.
"""

import datetime as dt

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from maillage.accounts.actions.notices import queue_notice
from maillage.accounts.enums import SEAT_TRANSITIONS, Channel, Role, SeatState
from maillage.accounts.models import Seat, User
from maillage.accounts.queries import invitation_token
from maillage.accounts.rules import (
    can_answer_invitation,
    can_create_user,
    can_manage_seats,
    can_set_shortcuts,
)
from maillage.kernel import instance, journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.territory.models import Cpts


class SeatRefused(DomainError):
    """The seat cannot be given as asked: address, role or dates."""


class LastAdministrator(DomainError):
    """A CPTS keeps at least one active administrator."""


def _account(email: str, **about: str | bool) -> tuple[User, bool]:
    """The account of this address, made without a password when unknown; and was it made."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise SeatRefused("Cette adresse électronique n'est pas valable.") from error
    return User.objects.get_or_create(
        email=email, defaults=about | {"password": make_password(None)}
    )


@transaction.atomic
def create_user(
    *,
    by: Actor,
    email: str,
    given_name: str = "",
    family_name: str = "",
    is_staff: bool = False,
    is_demo: bool = False,
) -> User:
    """Make an account without a password; an address already known returns its account unchanged.

    Raises NotAllowed (the system only), SeatRefused (a demo account on a real database).
    """
    if not can_create_user(by):
        raise NotAllowed("Les comptes se créent en invitant une personne dans un rôle.")
    if is_demo and not instance.is_demo():
        raise SeatRefused("Un compte de démonstration n'existe que dans une démonstration.")
    user, is_new = _account(
        email,
        given_name=given_name,
        family_name=family_name,
        is_staff=is_staff,
        is_demo=is_demo,
    )
    if is_new:
        journal.record("account.created", user, by=by, cpts=None)
    return user


def _invitation(seat: Seat) -> str:
    site = settings.SITE_URL
    return (
        f"Bonjour,\n\n{seat.cpts.name} vous invite sur sa plateforme avec le rôle "
        f"« {seat.get_role_display()} ».\n\n"
        f"Pour répondre, ouvrez votre compte : {site}{reverse('accounts:account')}\n"
        "Première visite ? Commencez par ici, avec votre carte de professionnel ou un mot de passe : "
        f"{site}{reverse('accounts:invitation', kwargs={'token': invitation_token(seat)})}\n\n"
        "Si vous n'attendiez pas ce message, ne faites rien."
    )


@transaction.atomic
def invite_seat(
    *,
    by: Actor,
    cpts: Cpts,
    email: str,
    role: str,
    given_name: str = "",
    family_name: str = "",
    starts_on: dt.date | None = None,
    ends_on: dt.date | None = None,
) -> Seat:
    """Invite a person into a role of the CPTS, their account made when unknown, and write to them.

    The names of an account that already exists stay its own. Raises NotAllowed, SeatRefused.
    """
    if not can_manage_seats(by, cpts):
        raise NotAllowed("Seul un administrateur de la CPTS donne les rôles.")
    if role not in Role.values:
        raise SeatRefused("Choisissez un rôle de la liste.")
    if starts_on and ends_on and ends_on < starts_on:
        raise SeatRefused("La date de fin précède la date de début.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    user, _ = _account(
        email, given_name=given_name, family_name=family_name, is_demo=instance.is_demo()
    )
    held = Seat.objects.filter(cpts=cpts, user=user, role=role).exclude(state=SeatState.LEFT)
    if held.exists():
        raise SeatRefused("Cette personne a déjà ce rôle dans la CPTS.")
    seat = Seat.objects.create(
        cpts=cpts, user=user, role=role, starts_on=starts_on, ends_on=ends_on
    )
    journal.record("seat.invited", seat, by=by, cpts=cpts, user=user.pk, role=role)
    queue_notice(
        by=by,
        cpts=cpts,
        channel=Channel.MAIL,
        recipient=user.email,
        key=f"seat-invited:{seat.pk}",
        subject=f"{cpts.name} vous invite",
        body=_invitation(seat),
    )
    return seat


def _locked(seat: Seat) -> Seat:
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=seat.cpts_id)
    return (
        Seat.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .get(pk=seat.pk)
    )


def _check_another_administrator(seat: Seat) -> None:
    active = Seat.objects.filter(cpts=seat.cpts_id, role=Role.ADMINISTRATOR).active(
        timezone.localdate()
    )
    if active.filter(pk=seat.pk).exists() and not active.exclude(pk=seat.pk).exists():
        raise LastAdministrator(
            "C'est le dernier administrateur actif de la CPTS : donnez d'abord ce rôle à une "
            "autre personne."
        )


def _move(seat: Seat, state: str, *, by: Actor) -> Seat:
    check_transition(
        SEAT_TRANSITIONS,
        seat.state,
        state,
        sentence=f"Ce rôle est « {seat.get_state_display()} » : il ne peut pas devenir "
        f"« {SeatState(state).label} ».",
    )
    before, seat.state = seat.state, state
    if state == SeatState.LEFT:
        seat.left_on = timezone.localdate()
    seat.save(update_fields=["state", "left_on"])
    journal.record("seat.moved", seat, by=by, cpts=seat.cpts_id, before=before, after=state)
    return seat


@transaction.atomic
def move_seat(*, by: Actor, seat: Seat, state: str) -> Seat:
    """Open, suspend or end a role. Accepting is for the person invited: see `accept_seat`.

    Raises NotAllowed, InvalidTransition, SeatRefused (unknown state), LastAdministrator.
    """
    if not can_manage_seats(by, seat.cpts_id):
        raise NotAllowed("Seul un administrateur de la CPTS change les rôles.")
    if state not in SeatState.values:
        raise SeatRefused("Choisissez un état de la liste.")
    seat = _locked(seat)
    if state == SeatState.ACCEPTED and by.kind != "system":
        raise NotAllowed("Seule la personne invitée accepte son invitation.")
    if seat.role == Role.ADMINISTRATOR and seat.state == SeatState.ACTIVE:
        _check_another_administrator(seat)
    return _move(seat, state, by=by)


@transaction.atomic
def accept_seat(*, by: Actor, seat: Seat) -> Seat:
    """The person invited accepts; an administrator then opens the rights.

    Raises NotAllowed, InvalidTransition.
    """
    if not can_answer_invitation(by, seat):
        raise NotAllowed("Seule la personne invitée répond à son invitation.")
    return _move(_locked(seat), SeatState.ACCEPTED, by=by)


@transaction.atomic
def decline_seat(*, by: Actor, seat: Seat) -> Seat:
    """The person invited declines, or gives up before the rights are open.

    Raises NotAllowed, SeatRefused (the role is already open: an administrator ends it).
    """
    if not can_answer_invitation(by, seat):
        raise NotAllowed("Seule la personne invitée répond à son invitation.")
    seat = _locked(seat)
    if seat.state not in {SeatState.INVITED, SeatState.ACCEPTED}:
        raise SeatRefused("Ce rôle est déjà ouvert : un administrateur peut y mettre fin.")
    return _move(seat, SeatState.LEFT, by=by)


@transaction.atomic
def set_shortcuts(*, by: Actor, user: User, on: bool) -> User:
    """Switch the single-key shortcuts of one's own screens on or off. Raises NotAllowed."""
    if not can_set_shortcuts(by, user):
        raise NotAllowed("Ce réglage appartient à la personne elle-même.")
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    user.shortcuts = on
    user.save(update_fields=["shortcuts"])
    journal.record("account.shortcuts", user, by=by, cpts=by.cpts_id, on=on)
    return user
