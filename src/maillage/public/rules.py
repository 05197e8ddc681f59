"""Who writes the public site, and who decides to be shown on it."""

from maillage.directory.models import Professional
from maillage.directory.rules import is_the_professional
from maillage.kernel.permissions import Actor, Permission
from maillage.public.models import PublicRefusal
from maillage.territory.models import Cpts


def can_edit_site(actor: Actor, cpts: Cpts | int | None) -> bool:
    """Pages, pictures, opening: the coordinator."""
    return actor.may(Permission.PUBLIC_EDIT, cpts)


def can_speak_for_oneself(
    actor: Actor, cpts: Cpts | int | None, professional: Professional
) -> bool:
    """From a professional's seat in this CPTS, by the account linked to that national record."""
    return actor.may(Permission.PROPOSAL_ANSWER, cpts) and is_the_professional(actor, professional)


def can_refuse_listing(actor: Actor, cpts: Cpts | int | None, professional: Professional) -> bool:
    """The professional, or the coordinator to whom they said it."""
    return can_edit_site(actor, cpts) or can_speak_for_oneself(actor, cpts, professional)


def can_withdraw_refusal(actor: Actor, refusal: PublicRefusal) -> bool:
    """The professional; the coordinator only for what a coordinator noted."""
    if can_speak_for_oneself(actor, refusal.cpts_id, refusal.professional):
        return True
    return not refusal.is_own and can_edit_site(actor, refusal.cpts_id)
