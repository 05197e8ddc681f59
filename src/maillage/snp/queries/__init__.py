"""Reads of unscheduled care: the desk's settings, who can answer, the board, the words of a slot."""

from maillage.snp.queries.asked import ASKED_DAYS, asked_of, memberships_of
from maillage.snp.queries.board import (
    Board,
    board_of,
    called_from,
    follow_up,
    forget_board,
    forget_maps,
    glance,
    history,
    recent_map_of,
    to_do_for,
)
from maillage.snp.queries.clock import (
    cptss_with_open_requests,
    due_circles,
    due_counters,
    due_proposals,
    due_summaries,
    due_watches,
    orphans,
    silent_outcomes,
    under_absence,
)
from maillage.snp.queries.desk import call_choices, desk_text, has_notice, red_flags, settings_of
from maillage.snp.queries.doubles import Said, likely_doubles, merge_choices
from maillage.snp.queries.fairness import fairness_of
from maillage.snp.queries.fees import FeeWeek, fee_in_force, fees, near_ceiling, week_of
from maillage.snp.queries.glass import numbered, opening_of, openings_of
from maillage.snp.queries.hours import desk_is_open, is_pdsa
from maillage.snp.queries.ladder import standby
from maillage.snp.queries.pool import is_shared_at, slots_to_choose, wanted_kinds
from maillage.snp.queries.queue import Moment, Queue
from maillage.snp.queries.ranking import (
    Candidate,
    Kept,
    Matching,
    candidate_for,
    matching_for,
    shortlist_of,
)
from maillage.snp.queries.rings import members_of, ring_candidates, rings_of
from maillage.snp.queries.roster import (
    agreements_page,
    closings_of,
    on_call_candidates,
    roster_of,
)
from maillage.snp.queries.shelved import standing_of
from maillage.snp.queries.words import (
    appointment_text,
    proposal_link,
    proposal_token,
    read_token,
    slot_text,
    when_text,
)

__all__ = [
    "numbered",
    "opening_of",
    "openings_of",
    "agreements_page",
    "closings_of",
    "is_shared_at",
    "slots_to_choose",
    "on_call_candidates",
    "roster_of",
    "standby",
    "ASKED_DAYS",
    "FeeWeek",
    "asked_of",
    "fairness_of",
    "fee_in_force",
    "fees",
    "members_of",
    "memberships_of",
    "near_ceiling",
    "ring_candidates",
    "rings_of",
    "week_of",
    "Said",
    "has_notice",
    "likely_doubles",
    "merge_choices",
    "cptss_with_open_requests",
    "due_circles",
    "due_counters",
    "due_summaries",
    "due_watches",
    "is_pdsa",
    "orphans",
    "shortlist_of",
    "under_absence",
    "Board",
    "Candidate",
    "Matching",
    "appointment_text",
    "board_of",
    "called_from",
    "Kept",
    "call_choices",
    "candidate_for",
    "standing_of",
    "desk_is_open",
    "desk_text",
    "due_proposals",
    "follow_up",
    "forget_board",
    "forget_maps",
    "history",
    "matching_for",
    "proposal_link",
    "Moment",
    "Queue",
    "glance",
    "proposal_token",
    "read_token",
    "recent_map_of",
    "red_flags",
    "settings_of",
    "silent_outcomes",
    "slot_text",
    "to_do_for",
    "wanted_kinds",
    "when_text",
]
