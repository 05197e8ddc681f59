from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def can_edit_directory(actor: Actor, cpts: Cpts) -> bool:
    return actor.may(Permission.DIRECTORY_EDIT, cpts)


def can_link_account(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Linking an account to a national record opens doors: the administrator does it."""
    return actor.may(Permission.SEATS_MANAGE, cpts)
