from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def can_purge(actor: Actor) -> bool:
    """The clock, or the command of the technical operator."""
    return actor.kind == "system"


def can_set_durations(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Those of a CPTS: its data-protection officer or administrator. The common ones: the system."""
    return actor.may(Permission.RETENTION_EDIT, cpts)


def can_answer_rights(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Gather, hand out or erase what is held on a person: the data-protection officer."""
    return actor.may(Permission.RIGHTS, cpts)
