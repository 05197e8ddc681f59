"""The verbs of accounts: cards, notices, seats, sessions, tries."""

from maillage.accounts.actions.anchors import tell_head
from maillage.accounts.actions.identities import NotInvited, confirm_subject, recognise_identity
from maillage.accounts.actions.notices import (
    LEASE,
    claim_notice,
    drop_notices,
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
from maillage.accounts.actions.sessions import (
    end_seat_sessions,
    end_sessions,
    forget_second_factors,
    list_session,
)
from maillage.accounts.actions.throttle import TooManyTries, count_try, forget_try, purge_tries

__all__ = [
    "LEASE",
    "LastAdministrator",
    "NotInvited",
    "SeatRefused",
    "TooManyTries",
    "accept_seat",
    "claim_notice",
    "confirm_subject",
    "count_try",
    "create_user",
    "decline_seat",
    "end_seat_sessions",
    "end_sessions",
    "forget_second_factors",
    "forget_try",
    "drop_notices",
    "invite_seat",
    "keep_notices",
    "list_session",
    "mark_notice_refused",
    "mark_notice_sent",
    "move_seat",
    "purge_tries",
    "queue_notice",
    "recognise_identity",
    "set_shortcuts",
    "tell_head",
]
