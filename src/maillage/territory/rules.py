"""Who may change the reference data, the tenants and their perimeters."""

from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def is_technical(actor: Actor) -> bool:
    """The system itself, or the technical operator outside any seat."""
    user = getattr(actor, "user", None)
    return actor.kind == "system" or (actor.kind == "user" and bool(user and user.is_staff))


def can_load_reference(actor: Actor) -> bool:
    return is_technical(actor)


def can_create_cpts(actor: Actor) -> bool:
    return is_technical(actor)


def can_record_part(actor: Actor) -> bool:
    """Parts of a commune are national: no CPTS changes its neighbours' figures."""
    return is_technical(actor)


def can_set_perimeter(actor: Actor, cpts: Cpts) -> bool:
    return actor.may(Permission.CPTS_SETTINGS, cpts)


def can_record_population(actor: Actor, cpts: Cpts) -> bool:
    return actor.may(Permission.CPTS_SETTINGS, cpts)
