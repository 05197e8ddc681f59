from django.utils import timezone

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import ProfessionalIdentity, Seat, User
from maillage.directory.models import (
    CptsProfessional,
    Delegation,
    Locum,
    Professional,
    ProfessionalAccount,
)
from maillage.kernel.permissions import Actor, Permission
from maillage.kernel.tenancy import inside
from maillage.territory.models import Cpts
from maillage.territory.rules import is_technical


def can_edit_directory(actor: Actor, cpts: Cpts | int | None) -> bool:
    return actor.may(Permission.DIRECTORY_EDIT, cpts)


def can_record_professional(actor: Actor, *, is_known: bool) -> bool:
    """A national record is shared: a coordinator adds one that is missing, imports change it."""
    if actor.kind == "system":
        return True
    return not is_known and actor.may(Permission.DIRECTORY_EDIT, actor.cpts_id)


def can_link_account(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Linking an account to a national record opens doors: the administrator does it."""
    return actor.may(Permission.SEATS_MANAGE, cpts)


def can_link_in_cpts(actor: Actor, user: User, professional: Professional) -> bool:
    """Within the administrator's own CPTS: somebody with a seat there, a record of its own."""
    if actor.kind == "system":
        return True
    if actor.cpts_id is None or not can_link_account(actor, actor.cpts_id):
        return False
    seats = Seat.objects.filter(cpts=actor.cpts_id, user=user).exclude(state=SeatState.LEFT)
    today = timezone.localdate()
    records = CptsProfessional.objects.in_force(today).filter(
        cpts=actor.cpts_id, professional=professional
    )
    return seats.exists() and records.exists()


def can_link_own_card(actor: Actor, professional: Professional) -> bool:
    """The card that opens this account says the number of the record."""
    cards = ProfessionalIdentity.objects.valid().filter(user=actor.user_id)
    return actor.user_id is not None and cards.filter(name_id=f"8{professional.rpps}").exists()


def is_the_professional(actor: Actor, professional: Professional) -> bool:
    """The account is linked to this national record (verified, not ended)."""
    return (
        actor.user_id is not None
        and ProfessionalAccount.objects.filter(
            user=actor.user_id, professional=professional, ended_on=None
        ).exists()
    )


def can_delegate(actor: Actor, professional: Professional) -> bool:
    """The professional themselves, from a professional's seat."""
    if actor.kind == "system":
        return True
    return actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id) and is_the_professional(
        actor, professional
    )


def can_be_secretary(user: User, cpts_id: int | None) -> bool:
    """An active secretary's seat in the CPTS where the delegation is given (any, when None)."""
    seats = Seat.objects.filter(user=user, role=Role.SECRETARY).active(timezone.localdate())
    if cpts_id is not None:
        seats = seats.filter(cpts=cpts_id)
    with inside(cpts_id):
        return seats.exists()


def can_end_delegation(actor: Actor, delegation: Delegation) -> bool:
    """Either of the two: the professional takes it back, the secretary gives it back."""
    return can_delegate(actor, delegation.professional) or (
        actor.user_id is not None and actor.user_id == delegation.secretary_id
    )


def can_name_locum(actor: Actor, professional: Professional) -> bool:
    """The professional themselves, the secretary they delegated to, a coordinator who lists them."""
    if can_delegate(actor, professional):
        return True
    today = timezone.localdate()
    if actor.may(Permission.DIRECTORY_EDIT, actor.cpts_id):
        listed = Professional.objects.in_cpts(actor.cpts_id, today)
        return listed.filter(pk=professional.pk).exists()
    given = Delegation.objects.in_force(today).filter(professional=professional)
    return (
        actor.user_id is not None
        and actor.may(Permission.AVAILABILITY_EDIT, actor.cpts_id)
        and given.filter(secretary=actor.user_id).exists()
    )


def can_end_locum(actor: Actor, locum: Locum) -> bool:
    """Whoever may name one, and the locum, who gives it back."""
    return can_name_locum(actor, locum.replaced) or can_delegate(actor, locum.locum)


def can_load_structures(actor: Actor) -> bool:
    """The national list of establishments is reference data."""
    return is_technical(actor)
