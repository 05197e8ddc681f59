"""Reads of the rights of persons."""

from maillage.rights.queries.due import Due, due_rows, due_steps, pointing_at
from maillage.rights.queries.durations import history_of, rules_in_force

__all__ = ["Due", "due_rows", "due_steps", "history_of", "pointing_at", "rules_in_force"]
