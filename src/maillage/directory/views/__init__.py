"""Pages of the directory: professionals, delegations and replacements."""

from maillage.directory.views.delegations import (
    delegations,
    end_delegation,
    end_locum,
    name_locum,
)
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

__all__ = [
    "add",
    "bring_back",
    "create",
    "delegations",
    "detail",
    "directory",
    "end_delegation",
    "end_link",
    "end_locum",
    "link",
    "name_locum",
    "note",
    "remove",
]
