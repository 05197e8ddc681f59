"""Reads of the directory: searching it, and what the page of a record shows."""

from maillage.directory.queries.records import (
    account_of,
    answers_for,
    delegations_of,
    linkable_users,
    locum_choices,
    locum_of,
    locums_of,
    own_records,
    professional_of_rpps,
    record_of,
    replaceable_by,
    replacement_of,
    replacements_seen,
    secretaries_of,
)
from maillage.directory.queries.search import (
    Found,
    communes_of,
    directory_of,
    near_keys,
    search,
    words_of,
)

__all__ = [
    "Found",
    "account_of",
    "answers_for",
    "communes_of",
    "delegations_of",
    "directory_of",
    "linkable_users",
    "locum_choices",
    "locum_of",
    "locums_of",
    "near_keys",
    "own_records",
    "professional_of_rpps",
    "record_of",
    "replaceable_by",
    "replacement_of",
    "replacements_seen",
    "search",
    "secretaries_of",
    "words_of",
]
