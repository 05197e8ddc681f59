from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def can_keep_residents(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Write or change the residents of a CPTS: its desk, or the system."""
    return actor.may(Permission.RESIDENT_DESK, cpts)
