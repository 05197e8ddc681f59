"""The verbs of accounts: notices here, seats beside them."""

from maillage.accounts.actions.notices import (
    claim_notice,
    keep_notices,
    mark_notice_refused,
    mark_notice_sent,
    queue_notice,
)

__all__ = [
    "claim_notice",
    "keep_notices",
    "mark_notice_refused",
    "mark_notice_sent",
    "queue_notice",
]
