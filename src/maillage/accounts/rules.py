"""Who acts. The three actors of the house, and what each may do."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from maillage.accounts.enums import GRANTS, SeatState
from maillage.accounts.models import ProfessionalIdentity, Seat, User
from maillage.kernel.identifiers import fold
from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def _pk(cpts: Cpts | int | None) -> int | None:
    return cpts.pk if isinstance(cpts, Cpts) else cpts


@dataclass(frozen=True, slots=True)
class SeatActor:
    """A user in an active seat of one CPTS. `lent`: what their duty adds to their role for now."""

    seat: Seat
    lent: frozenset[Permission] = frozenset()
    kind: str = field(default="seat", init=False)

    @property
    def seat_id(self) -> int:
        return self.seat.pk

    @property
    def user_id(self) -> int:
        return self.seat.user_id

    @property
    def cpts_id(self) -> int:
        return self.seat.cpts_id

    @property
    def label(self) -> str:
        return str(self.seat.user)

    def may(self, permission: Permission, cpts: Cpts | int | None) -> bool:
        return _pk(cpts) == self.seat.cpts_id and (
            permission in GRANTS[self.seat.role] or permission in self.lent
        )


@dataclass(frozen=True, slots=True)
class UserActor:
    """Somebody signed in (or not), outside any CPTS: no permission at all."""

    user: User | None
    kind: str = field(default="user", init=False)
    seat_id: None = field(default=None, init=False)
    cpts_id: None = field(default=None, init=False)

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None

    @property
    def label(self) -> str:
        return str(self.user) if self.user else "anonyme"

    def may(self, permission: Permission, cpts: Cpts | int | None) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class LinkActor:
    """The holder of a signed link about one object: may answer that one, and nothing else."""

    cpts_id: int
    target: str  # "proposal:12", checked again by the rule of the act
    kind: str = field(default="link", init=False)
    seat_id: None = field(default=None, init=False)
    user_id: None = field(default=None, init=False)
    label: str = field(default="lien signé", init=False)

    def may(self, permission: Permission, cpts: Cpts | int | None) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class SystemActor:
    """The clock, an import, a command typed by the technical operator: every permission."""

    cpts_id: int | None = None
    label: str = "maillage"
    kind: str = field(default="system", init=False)
    seat_id: None = field(default=None, init=False)
    user_id: None = field(default=None, init=False)

    def may(self, permission: Permission, cpts: Cpts | int | None) -> bool:
        return True


SYSTEM = SystemActor()


def can_manage_seats(actor: Actor, cpts: Cpts | int) -> bool:
    return actor.may(Permission.SEATS_MANAGE, cpts)


def can_create_user(actor: Actor) -> bool:
    return actor.kind == "system"


def can_answer_invitation(actor: Actor, seat: Seat) -> bool:
    """One's own invitation, from one's own account; nobody accepts for somebody else."""
    return actor.kind == "system" or (
        actor.kind in {"seat", "user"} and actor.user_id == seat.user_id
    )


def can_set_shortcuts(actor: Actor, user: User) -> bool:
    return actor.kind == "system" or actor.user_id == user.pk


def can_end_sessions(actor: Actor, user: User) -> bool:
    return actor.kind == "system" or actor.user_id == user.pk


def can_end_seat_sessions(actor: Actor, seat: Seat) -> bool:
    """An administrator of the CPTS of the seat; somebody only invited into it is not theirs yet."""
    return can_manage_seats(actor, seat.cpts_id) and seat.state in {
        SeatState.ACTIVE,
        SeatState.SUSPENDED,
    }


def can_forget_second_factors(actor: Actor) -> bool:
    """No administrator: the account may hold roles in other CPTSs than theirs."""
    return actor.kind == "system"


def is_made_of(password: str, words: Iterable[str], *, at_least: int) -> list[str]:
    """The words that everybody here can guess, when the password holds too little else; else none."""
    left, found, kept = fold(password).replace(" ", ""), [], len(password)
    for word in sorted(words, key=lambda each: (-len(each), each)):
        if times := left.count(word):
            found.append(word)
            left, kept = left.replace(word, "|"), kept - times * len(word)
    return found if kept < at_least else []


def can_confirm_subject(actor: Actor, identity: ProfessionalIdentity, seat: Seat) -> bool:
    """An administrator of the CPTS of the seat, for somebody else's card."""
    return (
        can_manage_seats(actor, seat.cpts_id)
        and identity.user_id == seat.user_id
        and actor.user_id != seat.user_id
    )
