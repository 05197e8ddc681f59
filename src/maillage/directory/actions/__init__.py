"""The verbs of the directory: national records, what a CPTS knows of them, who they are here."""

from maillage.directory.actions.accounts import (
    DelegationRefused,
    LinkRefused,
    delegate,
    end_account_link,
    end_delegation,
    link_account,
    link_own_record,
)
from maillage.directory.actions.finess import StructuresReport, load_structures
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
from maillage.directory.actions.structures import (
    ContactRefused,
    MemberRefused,
    StructureRefused,
    add_contact,
    add_member,
    add_structure,
    change_contact,
    check_contact,
    end_contact,
    end_member,
    note_structure,
    remove_structure,
)

__all__ = [
    "BadProfessional",
    "ContactRefused",
    "DelegationRefused",
    "LinkRefused",
    "LocumRefused",
    "MemberRefused",
    "RecordRefused",
    "StructureRefused",
    "StructuresReport",
    "add_contact",
    "add_many_to_cpts",
    "add_member",
    "add_structure",
    "add_to_cpts",
    "change_contact",
    "check_contact",
    "delegate",
    "end_account_link",
    "end_contact",
    "end_delegation",
    "end_locum",
    "end_member",
    "link_account",
    "link_own_record",
    "load_structures",
    "name_locum",
    "note_professional",
    "note_structure",
    "record_new_in_cpts",
    "record_professional",
    "record_professionals",
    "remove_from_cpts",
    "remove_structure",
    "set_places",
]
