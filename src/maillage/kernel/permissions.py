"""Who acts, and what may be asked of them. `accounts` implements the protocol and grants the words."""

from enum import StrEnum
from typing import Any, Protocol


class Permission(StrEnum):
    HOME = "home"
    TERRITORY_VIEW = "territory_view"
    DIRECTORY_VIEW = "directory_view"
    DIRECTORY_EDIT = "directory_edit"
    SNP_DESK = "snp_desk"
    SNP_COUNTS = "snp_counts"
    SNP_NUMBERS = "snp_numbers"
    SNP_SETTINGS = "snp_settings"
    PROPOSAL_ANSWER = "proposal_answer"
    AVAILABILITY_EDIT = "availability_edit"
    RESIDENT_DESK = "resident_desk"
    SEATS_MANAGE = "seats_manage"
    CPTS_SETTINGS = "cpts_settings"
    JOURNAL_VIEW = "journal_view"
    OUTBOX_VIEW = "outbox_view"
    RETENTION_EDIT = "retention_edit"
    RIGHTS = "rights"
    BREAK_GLASS = "break_glass"
    BREAK_GLASS_REVIEW = "break_glass_review"
    MT_DESK = "mt_desk"
    MT_COORDINATE = "mt_coordinate"
    MT_NUMBERS = "mt_numbers"
    MT_PROFESSIONAL = "mt_professional"
    MT_SETTINGS = "mt_settings"
    PUBLIC_EDIT = "public_edit"


class Actor(Protocol):
    """A user in a seat, the holder of a signed link, or the system.

    `seat_id`, `user_id` and `cpts_id` are opaque ids, None when there is none; `label` is for a
    screen, never for the journal (it may hold a name); `kind` is "seat", "user", "link" or "system".
    """

    kind: str
    seat_id: int | None
    user_id: int | None
    cpts_id: int | None
    label: str

    def may(self, permission: Permission, cpts: Any) -> bool: ...
