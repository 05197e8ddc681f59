"""Pages of the directory: professionals, delegations, replacements, structures."""

from maillage.directory.views.delegations import (
    delegations,
    end_delegation,
    end_locum,
    name_locum,
)
from maillage.directory.views.own import own_record
from maillage.directory.views.professionals import (
    add,
    bring_back,
    create,
    detail,
    directory,
    end_link,
    link,
    note,
    remove,
)
from maillage.directory.views.structures import (
    contact_add,
    contact_change,
    contact_check,
    contact_end,
    member_add,
    member_end,
    structure,
    structure_add,
    structure_note,
    structure_remove,
    structure_return,
    structures,
)

__all__ = [
    "add",
    "bring_back",
    "contact_add",
    "contact_change",
    "contact_check",
    "contact_end",
    "create",
    "delegations",
    "detail",
    "directory",
    "end_delegation",
    "end_link",
    "end_locum",
    "link",
    "member_add",
    "member_end",
    "name_locum",
    "note",
    "own_record",
    "remove",
    "structure",
    "structure_add",
    "structure_note",
    "structure_remove",
    "structure_return",
    "structures",
]
