"""The pages of accounts: seats, one's own account, the doors."""

from maillage.accounts.views.doors import (
    seat_sessions_end,
    second_factor,
    session_end,
    sessions,
    sessions_end,
)
from maillage.accounts.views.psc import (
    card_confirm,
    invitation,
    psc_back,
    psc_choose,
    psc_leave,
    psc_start,
)
from maillage.accounts.views.seats import (
    account,
    choose_seat,
    demo,
    demo_enter,
    invite,
    outbox,
    seat_accept,
    seat_decline,
    seat_move,
    seats,
    shortcuts,
)

__all__ = [
    "account",
    "card_confirm",
    "choose_seat",
    "demo",
    "demo_enter",
    "invitation",
    "invite",
    "outbox",
    "psc_back",
    "psc_choose",
    "psc_leave",
    "psc_start",
    "seat_accept",
    "seat_decline",
    "seat_move",
    "seat_sessions_end",
    "seats",
    "second_factor",
    "session_end",
    "sessions",
    "sessions_end",
    "shortcuts",
]
