import datetime as dt

from maillage.kernel.permissions import Actor, Permission
from maillage.residents.enums import ADULT_YEARS, FOR_A_MINOR, SharingScope
from maillage.residents.models import SharingAgreement
from maillage.territory.models import Cpts


def can_find_residents(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Look for somebody: the desk, or whoever answers for the rights of persons."""
    return actor.may(Permission.RESIDENT_DESK, cpts) or actor.may(Permission.RIGHTS, cpts)


def can_keep_residents(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Write or change the residents of a CPTS: its desk, or the system."""
    return actor.may(Permission.RESIDENT_DESK, cpts)


def can_set_notice(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Change the text that tells people what is done with their data: the administrator."""
    return actor.may(Permission.CPTS_SETTINGS, cpts)


def covers(agreement: SharingAgreement | None, scope: str = SharingScope.CPTS) -> bool:
    """Whether identity may be shared that far: an agreement was given and not taken back. The one
    sentence every door asks."""
    if agreement is None or agreement.withdrawn_at is not None:
        return False
    return scope == SharingScope.CPTS or agreement.scope == scope


def is_minor(birth_date: dt.date | None, on: dt.date) -> bool:
    """Under 18 on a day, when the birth date is known."""
    if birth_date is None:
        return False
    had_birthday = (on.month, on.day) >= (birth_date.month, birth_date.day)
    return on.year - birth_date.year - (not had_birthday) < ADULT_YEARS


def may_agree(giver: str, *, for_a_minor: bool) -> bool:
    """A minor's agreement is given by a parent or a legal representative."""
    return not for_a_minor or giver in FOR_A_MINOR
