"""Reads of the rights of persons."""

from maillage.rights.queries.due import (
    Due,
    due_rows,
    due_steps,
    journal_before,
    old_lines,
    pointing_at,
)
from maillage.rights.queries.durations import history_of, rules_in_force
from maillage.rights.queries.held import (
    has_columns_to_empty,
    held_on,
    held_on_user,
    notices_about,
    open_requests,
    rows_about,
    same_number,
)
from maillage.rights.queries.told import answer_about, answer_about_user

__all__ = [
    "Due",
    "answer_about",
    "answer_about_user",
    "due_rows",
    "due_steps",
    "has_columns_to_empty",
    "held_on",
    "held_on_user",
    "history_of",
    "journal_before",
    "notices_about",
    "old_lines",
    "open_requests",
    "pointing_at",
    "rows_about",
    "rules_in_force",
    "same_number",
]
