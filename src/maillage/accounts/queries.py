"""From a signed-in person to the actor of a request."""

import datetime as dt
import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import signing
from django.core.paginator import Page, Paginator
from django.db.models import Max, Q
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.enums import GUESSED_WORDS, INVITATION_DAYS, Channel, Role, SeatState
from maillage.accounts.models import Notice, ProfessionalIdentity, Seat, User
from maillage.accounts.rules import SeatActor, UserActor
from maillage.kernel import instance
from maillage.kernel.identifiers import fold, format_phone
from maillage.kernel.permissions import Actor, Permission
from maillage.kernel.prepared import Prepared
from maillage.territory.models import Commune, Cpts

# At the door of a demonstration: the roles of the thread first.
DEMO_FIRST = (Role.DISPATCHER, Role.PROFESSIONAL, Role.SECRETARY, Role.COORDINATOR)
DEMO_ORDER = tuple(dict.fromkeys((*DEMO_FIRST, *Role)))
DEMO_ACCOUNTS_PER_ROLE = 3
PER_PAGE = 50


def seats_of(user: User) -> list[Seat]:
    """Active seats of a person today, all CPTSs."""
    with scopes_disabled():
        return list(
            Seat.objects.filter(user=user)
            .active(timezone.localdate())
            .select_related("cpts", "user")
            .order_by("cpts__name", "pk")
        )


_active_seats = Prepared(
    lambda user, slug, day: (
        Seat.objects.filter(user=user, cpts__slug=slug)
        .active(day)
        .select_related("cpts")
        .order_by("pk")
    ),
    user=int,
    slug=str,
    day=dt.date,
)


def actor_of(user) -> UserActor:
    return UserActor(user if user.is_authenticated else None)


def actor_in(user: User, *, slug: str, seat_id: int | None) -> SeatActor | None:
    """The person's seat in the CPTS of the URL: the chosen one, else the first, else None."""
    with scopes_disabled():  # the scope is opened by what is found here
        seats = _active_seats(user=user.pk, slug=slug, day=timezone.localdate())
    if not seats:
        return None
    seat = next((seat for seat in seats if seat.pk == seat_id), seats[0])
    seat.user = user  # read already, at every page
    return SeatActor(seat)


def own_seats(user: User) -> list[Seat]:
    """Every seat of a person that is not over, for their own account page."""
    with scopes_disabled():
        return list(
            Seat.objects.filter(user=user)
            .exclude(state=SeatState.LEFT)
            .select_related("cpts")
            .order_by("cpts__name", "pk")
        )


def demo_seats() -> list[Seat]:
    """Seats one click opens in a demonstration; none on any other database."""
    if not instance.is_demo():
        return []
    with scopes_disabled():
        return list(
            Seat.objects.filter(user__is_demo=True)
            .active(timezone.localdate())
            .select_related("cpts", "user")
            .order_by("cpts__name", "pk")
        )


def demo_accounts() -> list[tuple[Cpts, list[Seat]]]:
    """By CPTS, the accounts offered at the door of a demonstration: a few for each role."""
    offered: dict[Cpts, list[Seat]] = {}
    count: Counter[tuple[int, str]] = Counter()
    rank = {role: position for position, role in enumerate(DEMO_ORDER)}
    for seat in demo_seats():
        count[seat.cpts_id, seat.role] += 1
        if count[seat.cpts_id, seat.role] <= DEMO_ACCOUNTS_PER_ROLE:
            offered.setdefault(seat.cpts, []).append(seat)
    return [
        (cpts, sorted(seats, key=lambda seat: (rank[seat.role], seat.pk)))
        for cpts, seats in offered.items()
    ]


def outbox_of(actor: Actor, *, is_demo: bool, number: str | None = None) -> Page:
    """A page of the notices the outbox shows: those of the CPTS.

    In a demonstration, where nothing goes out, also those of no CPTS (a forgotten password): whoever
    was invited reads their link there. Never elsewhere: such a link opens an account.
    """
    notices = Notice.objects.visible_to(actor)
    with scopes_disabled() if is_demo else nullcontext():
        if is_demo and actor.may(Permission.OUTBOX_VIEW, actor.cpts_id):
            notices |= Notice.objects.filter(cpts=None)
        page = Paginator(notices, PER_PAGE).get_page(number)
        page.object_list = list(page.object_list)
    return page


def has_due_notices(now: dt.datetime) -> bool:
    """Is there anything to send, for any CPTS?"""
    with scopes_disabled():
        return Notice.objects.due(now).exists()


def last_sent_at() -> dt.datetime | None:
    """When a mail or an SMS last went out, for any CPTS."""
    with scopes_disabled():
        return Notice.objects.aggregate(at=Max("sent_at"))["at"]


@dataclass(frozen=True, slots=True)
class Readable:
    """What the outbox shows of a notice."""

    recipient: str
    body: str


def readable(notice: Notice, *, is_demo: bool) -> Readable:
    """A notice as the outbox may show it: whole in a demonstration.

    Elsewhere the addresses of pages are cut, since a signed link acts for whoever holds it, and the
    number of an SMS, which may be a patient's, keeps its two last digits.
    """
    recipient = notice.recipient
    if is_demo:
        return Readable(format_phone(recipient), notice.body)
    if notice.channel == Channel.SMS:
        recipient = f"numéro finissant par {recipient[-2:]}"
    return Readable(recipient, re.sub(r"https?://\S+", "[lien]", notice.body))


def second_factors_of(user: User) -> set[str]:
    """The kinds of second factor a person has: "totp", "webauthn"; recovery codes open too."""
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def guessed_words(user: User | None) -> set[str]:
    """What is tried first against this person: their names, their address, their CPTSs and communes."""
    words = set(GUESSED_WORDS)
    if user is None or user.pk is None:
        return words
    words |= {
        word
        for text in (user.given_name, user.family_name, user.email)
        for word in fold(text).split()
        if len(word) >= 3
    }
    with scopes_disabled():
        seats = Seat.objects.filter(user=user).exclude(state=SeatState.LEFT)
        held = list(seats.values_list("cpts", flat=True))
    names = [
        *Cpts.objects.filter(pk__in=held).values_list("name", flat=True),
        *Commune.objects.filter(perimeters__cpts__in=held).values_list("name", flat=True),
    ]
    return words | {word for name in names for word in fold(name).split() if len(word) >= 4}


def device_of(user_agent: str) -> str:
    """ "Firefox, Windows" from what a browser says of itself; it may say anything."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "Navigateur inconnu")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "appareil inconnu")
    return f"{browser}, {system}"


def sessions_of(user: User) -> list[tuple[UserSession, str]]:
    """The open sessions of a person, the latest first, each with its device in words."""
    rows = UserSession.objects.filter(user=user).order_by("-created_at", "-pk")
    return [(row, device_of(row.user_agent)) for row in rows if row.exists()]


INVITATION = "maillage.invitation"


def invitation_token(seat: Seat) -> str:
    """What the link of an invitation carries: it brings a card to this account, and opens nothing."""
    return signing.dumps([seat.pk, seat.user_id], salt=INVITATION)


def invited_by(token: str) -> Seat | None:
    """The seat of an invitation's link that is neither answered with "no" nor too old.

    The first administrator's is active before they ever came: theirs serves until then.
    """
    try:
        pk, user_id = signing.loads(token, salt=INVITATION, max_age=INVITATION_DAYS * 86_400)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    with scopes_disabled():
        return (
            Seat.objects.filter(pk=pk, user=user_id, user__is_active=True)
            .filter(
                Q(state__in=[SeatState.INVITED, SeatState.ACCEPTED])
                | Q(state=SeatState.ACTIVE, user__last_login=None)
            )
            .select_related("cpts", "user")
            .first()
        )


def renamed_cards():
    """The cards whose new name at the provider waits for an administrator."""
    return ProfessionalIdentity.objects.exclude(new_subject="")
