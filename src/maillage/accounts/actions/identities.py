"""Professional cards: whose account each opens, and what happens when its name changes."""

from django.db import transaction

from maillage.accounts.enums import PscIdentity
from maillage.accounts.models import ProfessionalIdentity, Seat, User
from maillage.accounts.rules import UserActor, can_confirm_subject
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor


class NotInvited(DomainError):
    """Nobody invited this card, or the invitation is for an account that has another."""


@transaction.atomic
def recognise_identity(
    *, by: Actor, found: PscIdentity, invited: Seat | None = None
) -> ProfessionalIdentity:
    """The identity of a card, linked to the account of the invitation the first time.

    A card the provider calls by a new name is given back with `new_subject`: it opens nothing until
    an administrator confirms it. Raises NotInvited.
    """
    known = (
        ProfessionalIdentity.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(issuer=found.issuer, name_id=found.name_id)
        .first()
    )
    if known is not None:
        return _same_name(known, found.subject)
    if invited is None:
        raise NotInvited(
            "Aucun compte n'est relié à cette carte. Demandez une invitation à votre CPTS, puis "
            "suivez le lien du courriel."
        )
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=invited.user_id)
    if not user.is_active or user.identities.filter(issuer=found.issuer).exists():
        raise NotInvited("Le compte de cette invitation est déjà relié à une autre carte.")
    identity = ProfessionalIdentity.objects.create(
        user=user, issuer=found.issuer, name_id=found.name_id, subject=found.subject
    )
    journal.record("account.card_linked", user, by=UserActor(user), cpts=invited.cpts_id)
    return identity


def _same_name(known: ProfessionalIdentity, subject: str) -> ProfessionalIdentity:
    if subject == known.subject:
        known.new_subject = ""
    elif subject != known.new_subject:
        known.new_subject = subject
        known.save(update_fields=["new_subject"])
        journal.record("account.card_renamed", known.user, by=UserActor(None), cpts=None)
    return known


@transaction.atomic
def confirm_subject(*, by: Actor, identity: ProfessionalIdentity, seat: Seat) -> None:
    """An administrator of a CPTS where the person sits has checked that it is them.

    Raises NotAllowed (nobody confirms their own card), NotInvited (nothing waits).
    """
    if not can_confirm_subject(by, identity, seat):
        raise NotAllowed("Un autre administrateur de la CPTS confirme cette identité.")
    identity = ProfessionalIdentity.objects.select_for_update(of=("self",)).get(pk=identity.pk)
    if not identity.new_subject:
        raise NotInvited("Il n'y a rien à confirmer pour cette personne.")
    identity.subject, identity.new_subject = identity.new_subject, ""
    identity.save(update_fields=["subject", "new_subject"])
    journal.record("account.card_confirmed", seat, by=by, cpts=seat.cpts_id, user=seat.user_id)
