from maillage.availability.models import Booking, kept_by
from maillage.directory.models import Professional
from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def can_edit_availability(actor: Actor, professional: Professional) -> bool:
    """The professional themselves (verified link), or a secretary they delegated to."""
    if actor.kind == "system":
        return True
    return (
        actor.may(Permission.AVAILABILITY_EDIT, actor.cpts_id)
        and kept_by(actor.user_id).filter(pk=professional.pk).exists()
    )


def can_book(actor: Actor, cpts: Cpts) -> bool:
    """The desk of the CPTS, a professional answering there, or the holder of a proposal's link."""
    return actor.cpts_id == cpts.pk and (
        actor.kind in {"link", "system"}
        or actor.may(Permission.SNP_DESK, cpts)
        or actor.may(Permission.PROPOSAL_ANSWER, cpts)
    )


def can_change_booking(actor: Actor, booking: Booking) -> bool:
    return actor.kind == "system" or can_book(actor, booking.cpts)
