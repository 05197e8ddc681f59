"""The verbs of accounts: notices and seats."""

from maillage.accounts.actions.notices import (
    LEASE,
    claim_notice,
    keep_notices,
    mark_notice_refused,
    mark_notice_sent,
    queue_notice,
)
from maillage.accounts.actions.seats import (
    LastAdministrator,
    SeatRefused,
    accept_seat,
    create_user,
    decline_seat,
    invite_seat,
    move_seat,
    set_shortcuts,
)

__all__ = [
    "LEASE",
    "LastAdministrator",
    "SeatRefused",
    "accept_seat",
    "claim_notice",
    "create_user",
    "decline_seat",
    "invite_seat",
    "keep_notices",
    "mark_notice_refused",
    "mark_notice_sent",
    "move_seat",
    "queue_notice",
    "set_shortcuts",
]
