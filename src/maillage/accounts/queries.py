"""From a signed-in person to the actor of a request."""

from django.utils import timezone

from maillage.accounts.enums import SeatState
from maillage.accounts.models import Seat, User
from maillage.accounts.rules import SeatActor, UserActor
from maillage.kernel import instance


def seats_of(user: User):
    """Active seats of a person today, all CPTSs."""
    return (
        Seat.objects.filter(user=user)
        .active(timezone.localdate())
        .select_related("cpts", "user")
        .order_by("cpts__name", "pk")
    )


def actor_of(user) -> UserActor:
    return UserActor(user if user.is_authenticated else None)


def actor_in(user: User, *, slug: str, seat_id: int | None) -> SeatActor | None:
    """The person's seat in the CPTS of the URL: the one chosen, else the first; None without any."""
    seats = list(seats_of(user).filter(cpts__slug=slug))
    if not seats:
        return None
    return SeatActor(next((seat for seat in seats if seat.pk == seat_id), seats[0]))


def own_seats(user: User):
    """Every seat of a person that is not over, for their own account page."""
    return (
        Seat.objects.filter(user=user)
        .exclude(state=SeatState.LEFT)
        .select_related("cpts")
        .order_by("cpts__name", "pk")
    )


def demo_seats():
    """Seats one click opens in a demonstration; none on any other database."""
    if not instance.is_demo():
        return Seat.objects.none()
    return (
        Seat.objects.filter(user__is_demo=True)
        .active(timezone.localdate())
        .select_related("cpts", "user")
        .order_by("cpts__name", "pk")
    )
