"""The verbs of the directory: national records, what a CPTS knows of them, who they are here."""

from maillage.directory.actions.accounts import (
    DelegationRefused,
    LinkRefused,
    delegate,
    end_account_link,
    end_delegation,
    link_account,
)
from maillage.directory.actions.locums import LocumRefused, end_locum, name_locum
from maillage.directory.actions.professionals import (
    BadProfessional,
    record_professional,
    record_professionals,
    set_places,
)
from maillage.directory.actions.records import (
    RecordRefused,
    add_many_to_cpts,
    add_to_cpts,
    note_professional,
    record_new_in_cpts,
    remove_from_cpts,
)

__all__ = [
    "BadProfessional",
    "DelegationRefused",
    "LinkRefused",
    "LocumRefused",
    "RecordRefused",
    "add_many_to_cpts",
    "add_to_cpts",
    "delegate",
    "end_account_link",
    "end_delegation",
    "end_locum",
    "link_account",
    "name_locum",
    "note_professional",
    "record_new_in_cpts",
    "record_professional",
    "record_professionals",
    "remove_from_cpts",
    "set_places",
]
