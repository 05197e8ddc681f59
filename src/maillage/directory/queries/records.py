"""What a record's page shows: who they are here, who keeps their diary, who replaces them."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import F, Q
from django.utils import timezone

from maillage.accounts.enums import Channel, Role, SeatState
from maillage.accounts.models import ProfessionalIdentity, Seat, User
from maillage.directory.models import (
    CptsProfessional,
    Delegation,
    Locum,
    Professional,
    ProfessionalAccount,
    answered_by,
)
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor, Permission
from maillage.territory.models import Cpts


def record_of(cpts: Cpts, professional: Professional) -> CptsProfessional | None:
    """What this CPTS knows of a professional. Inside its scope."""
    return CptsProfessional.objects.filter(cpts=cpts, professional=professional).first()


def account_of(professional: Professional) -> ProfessionalAccount | None:
    """The account linked to the record today."""
    return (
        ProfessionalAccount.objects.filter(professional=professional, ended_on=None)
        .select_related("user", "verified_by")
        .first()
    )


@dataclass(frozen=True, slots=True)
class Contact:
    """How to write to a professional; `is_member`: they can open their pages of the CPTS."""

    channel: Channel
    recipient: str
    is_member: bool = False


def contact_of(professional: Professional, cpts: Cpts) -> Contact | None:
    """The mail of their account, else of their record, else a mobile; None when nothing is known."""
    account = account_of(professional)
    if account is not None:
        seats = Seat.objects.filter(cpts=cpts, user=account.user_id, role=Role.PROFESSIONAL)
        is_member = seats.active(timezone.localdate()).exists()
        return Contact(Channel.MAIL, account.user.email, is_member)
    if professional.email:
        return Contact(Channel.MAIL, professional.email)
    if is_mobile(professional.phone):
        return Contact(Channel.SMS, professional.phone)
    return None


def professional_of_rpps(rpps: str) -> Professional | None:
    """The national record of this number, in whatever CPTS."""
    return Professional.objects.filter(rpps=rpps).first()


def own_records(user_id: int | None):
    """The national record an account is linked to, as a queryset of zero or one."""
    links = ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
    return Professional.objects.filter(pk__in=links.values("professional"))


def links_of(user_id: int) -> list[ProfessionalAccount]:
    """Every link of an account to a national record: the one in force, then the latest ended."""
    latest = F("ended_on").desc(nulls_first=True)
    links = ProfessionalAccount.objects.filter(user=user_id).select_related("professional")
    return list(links.order_by(latest, "-pk"))


def rpps_of_card(user_id: int) -> str:
    """The number the account's card says, if one opens it."""
    card = ProfessionalIdentity.objects.valid().filter(user=user_id).first()
    return card.name_id.removeprefix("8") if card else ""


def record_of_card(user_id: int) -> Professional | None:
    """The national record whose number the account's card says, whoever it is linked to."""
    return professional_of_rpps(rpps_of_card(user_id))


def linkable_users(cpts: Cpts):
    """People with a professional's seat in the CPTS whose account is not yet a national record."""
    seats = Seat.objects.filter(cpts=cpts, role=Role.PROFESSIONAL).exclude(state=SeatState.LEFT)
    linked = ProfessionalAccount.objects.filter(ended_on=None)
    return User.objects.filter(pk__in=seats.values("user")).exclude(pk__in=linked.values("user"))


def secretaries_of(cpts: Cpts):
    """People with an active secretary's seat in the CPTS."""
    seats = Seat.objects.filter(cpts=cpts, role=Role.SECRETARY).active(timezone.localdate())
    return User.objects.filter(pk__in=seats.values("user"))


def delegations_of(actor: Actor):
    """Delegations the person gave or received, neither over nor taken back."""
    return (
        Delegation.objects.visible_to(actor)
        .filter(ended_at=None)
        .exclude(until_on__lt=timezone.localdate())
        .select_related("professional", "secretary")
        .order_by("from_on", "pk")
    )


def replacement_of(professional: Professional, on: dt.date) -> Locum | None:
    """The replacement of this professional in force on the day `on`."""
    return Locum.objects.in_force(on).filter(replaced=professional).select_related("locum").first()


def locum_of(professional: Professional, on: dt.date) -> Professional | None:
    """Who answers for this professional on the day `on`, if somebody was named."""
    named = replacement_of(professional, on)
    return named.locum if named else None


def answers_for(user_id: int | None, on: dt.date) -> set[int]:
    """Professionals (by id) this account answers for on the day `on`: its own, those it replaces.

    One query. In a queryset, `models.answered_by` says the same without asking twice.
    """
    return set(answered_by(user_id, on).values_list("pk", flat=True))


def locums_of(professional: Professional):
    """Every replacement of this professional, the latest first."""
    return (
        Locum.objects.filter(replaced=professional)
        .select_related("locum", "replaced")
        .order_by("-from_on", "-pk")
    )


def locum_choices(cpts: Cpts, professional: Professional):
    """Those of the directory of the CPTS who may replace: the same profession."""
    return (
        Professional.objects.in_cpts(cpts, timezone.localdate())
        .filter(profession=professional.profession)
        .exclude(pk=professional.pk)
    )


def replaceable_by(actor: Actor):
    """Those this person may have replaced: themselves, and who delegated to them."""
    kept = Delegation.objects.in_force(timezone.localdate()).filter(secretary=actor.user_id)
    who = Q(pk__in=kept.values("professional"))
    if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
        who |= Q(pk__in=own_records(actor.user_id).values("pk"))
    return Professional.objects.visible_to(actor).filter(who)


def replacements_seen(actor: Actor):
    """Replacements, not over, this person may stop: of those they keep, and where they replace."""
    who = Q(replaced__in=replaceable_by(actor).values("pk"))
    if actor.may(Permission.PROPOSAL_ANSWER, actor.cpts_id):
        who |= Q(locum__in=own_records(actor.user_id).values("pk"))
    return (
        Locum.objects.filter(who).not_over(timezone.localdate()).select_related("locum", "replaced")
    )
