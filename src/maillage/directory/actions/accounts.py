"""Who a signed-in person is nationally, and who may keep a professional's diary."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.accounts.models import User
from maillage.directory.enums import LinkMethod
from maillage.directory.models import Delegation, Professional, ProfessionalAccount
from maillage.directory.rules import (
    can_be_secretary,
    can_delegate,
    can_end_delegation,
    can_link_in_cpts,
    can_link_own_card,
)
from maillage.kernel import instance, journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor


class LinkRefused(DomainError):
    """The account or the record is already linked, or the check is not one of the list."""


class DelegationRefused(DomainError):
    """The delegation cannot be given as asked: person or dates."""


@transaction.atomic
def link_account(
    *, by: Actor, user: User, professional: Professional, method: str
) -> ProfessionalAccount:
    """Say that an account is this national record, and how it was verified.

    By an administrator, between a seat and a record of their own CPTS. Raises NotAllowed,
    LinkRefused.
    """
    if not can_link_in_cpts(by, user, professional):
        raise NotAllowed(
            "Un administrateur relie un compte de sa CPTS à un professionnel de son annuaire."
        )
    seen = {LinkMethod.DOCUMENT, LinkMethod.PHONE}
    if method not in (seen | {LinkMethod.DEMO} if instance.is_demo() else seen):
        raise LinkRefused("Choisissez dans la liste comment l'identité a été vérifiée.")
    return _link(by, user, professional, method)


@transaction.atomic
def link_own_record(*, by: Actor, professional: Professional) -> ProfessionalAccount:
    """The person's own card names this record: their account is it, at their word.

    Raises NotAllowed, LinkRefused (linked already; or an administrator ended that link before).
    """
    if not can_link_own_card(by, professional):
        raise NotAllowed("Votre carte ne porte pas le numéro de cette fiche.")
    user = User.objects.get(pk=by.user_id)
    if ProfessionalAccount.objects.filter(user=user, professional=professional).exists():
        raise LinkRefused(
            "Ce compte a déjà été relié à cette fiche : un administrateur de votre CPTS peut le "
            "relier de nouveau."
        )
    return _link(by, user, professional, LinkMethod.CARD)


def _link(by: Actor, user: User, professional: Professional, method: str) -> ProfessionalAccount:
    """One account for a record, one record for an account: both are held while it is looked at."""
    Professional.objects.select_for_update(of=("self",), no_key=True).get(pk=professional.pk)
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    live = ProfessionalAccount.objects.filter(ended_on=None)
    if live.filter(user=user).exists():
        raise LinkRefused("Ce compte est déjà relié à un professionnel.")
    if live.filter(professional=professional).exists():
        raise LinkRefused("Ce professionnel est déjà relié à un compte.")
    link = ProfessionalAccount.objects.create(
        user=user,
        professional=professional,
        method=method,
        verified_at=timezone.now(),
        verified_by_id=by.user_id,
    )
    journal.record(
        "directory.account_linked", professional, by=by, cpts=by.cpts_id, user=user.pk, how=method
    )
    return link


@transaction.atomic
def end_account_link(*, by: Actor, link: ProfessionalAccount) -> ProfessionalAccount:
    """The account no longer is this record, at once. Raises NotAllowed, LinkRefused."""
    if not can_link_in_cpts(by, link.user, link.professional):
        raise NotAllowed("Un administrateur de la CPTS met fin à ce lien.")
    link = (
        ProfessionalAccount.objects.select_for_update(of=("self",))
        .select_related("professional")
        .get(pk=link.pk)
    )
    if link.ended_on is not None:
        raise LinkRefused("Ce lien est déjà terminé.")
    link.ended_on = timezone.localdate()
    link.save(update_fields=["ended_on"])
    journal.record(
        "directory.account_unlinked", link.professional, by=by, cpts=by.cpts_id, user=link.user_id
    )
    return link


@transaction.atomic
def delegate(
    *,
    by: Actor,
    professional: Professional,
    secretary: User,
    from_on: dt.date,
    until_on: dt.date | None = None,
) -> Delegation:
    """Let a secretary of the CPTS keep this professional's availability, both days included.

    Raises NotAllowed (only the professional delegates), DelegationRefused.
    """
    if not can_delegate(by, professional):
        raise NotAllowed("Seul le professionnel confie ses disponibilités à une secrétaire.")
    if until_on is not None and until_on < from_on:
        raise DelegationRefused("La date de fin précède la date de début.")
    if not can_be_secretary(secretary, by.cpts_id):
        raise DelegationRefused("Cette personne n'a pas de rôle de secrétaire actif dans la CPTS.")
    Professional.objects.select_for_update(of=("self",), no_key=True).get(pk=professional.pk)
    live = Delegation.objects.filter(
        professional=professional, secretary=secretary, ended_at=None
    ).exclude(until_on__lt=from_on)
    if until_on is not None:
        live = live.filter(from_on__lte=until_on)
    if live.exists():
        raise DelegationRefused("Une délégation à cette personne couvre déjà ces dates.")
    delegation = Delegation.objects.create(
        professional=professional, secretary=secretary, from_on=from_on, until_on=until_on
    )
    journal.record(
        "directory.delegated", professional, by=by, cpts=by.cpts_id, secretary=secretary.pk
    )
    return delegation


@transaction.atomic
def end_delegation(*, by: Actor, delegation: Delegation) -> Delegation:
    """Take a delegation back (or give it back), at once. Raises NotAllowed, DelegationRefused."""
    if not can_end_delegation(by, delegation):
        raise NotAllowed("Seul le professionnel, ou sa secrétaire, met fin à cette délégation.")
    delegation = (
        Delegation.objects.select_for_update(of=("self",))
        .select_related("professional")
        .get(pk=delegation.pk)
    )
    if delegation.ended_at is not None:
        raise DelegationRefused("Cette délégation est déjà terminée.")
    delegation.ended_at = timezone.now()
    delegation.save(update_fields=["ended_at"])
    journal.record(
        "directory.delegation_ended",
        delegation.professional,
        by=by,
        cpts=by.cpts_id,
        secretary=delegation.secretary_id,
    )
    return delegation
