"""What the roster and the agreements pages show."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.kernel.permissions import Actor
from maillage.kernel.words import WEEKDAYS
from maillage.snp.models import Agreement, DeskClosing, OnCall
from maillage.snp.queries.ladder import active_seats
from maillage.territory.models import Cpts


def on_call_candidates(cpts: Cpts):
    """Seats that may be on call: the desk, coordinators, administrators."""
    roles = (Role.DISPATCHER, Role.COORDINATOR, Role.ADMINISTRATOR)
    return (
        active_seats(cpts, timezone.now())
        .filter(role__in=roles)
        .select_related("user")
        .order_by("user__family_name", "user__given_name", "pk")
    )


def roster_of(cpts: Cpts, now: dt.datetime) -> list[OnCall]:
    """What is under way and to come, soonest first."""
    return list(
        OnCall.objects.filter(cpts=cpts, ends_at__gt=now).select_related("seat__user", "seat__cpts")
    )


def closings_of(cpts: Cpts) -> list[DeskClosing]:
    return list(
        DeskClosing.objects.filter(cpts=cpts).select_related("owner__user", "by_seat__user")[:10]
    )


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """An agreement as one side sees it. `state`: waiting_us, waiting_them, in_force, ended."""

    agreement: Agreement
    partner: Cpts
    state: str
    professions: str
    hours: str
    signed_by: dict[str, str]


def agreements_page(actor: Actor, now: dt.datetime) -> list[AgreementLine]:
    found = list(
        Agreement.objects.visible_to(actor)
        .select_related("proposed_by_cpts", "other_cpts", "withdrawn_by_cpts")
        .prefetch_related("professions", "hours")
    )
    # Only the names of one's own signatories: the neighbour's people are the neighbour's.
    ids = {each.proposer_signed_by for each in found} | {each.other_signed_by for each in found}
    seats = Seat.objects.filter(pk__in=ids - {None}, cpts=actor.cpts_id).select_related("user")
    names = {seat.pk: str(seat.user) for seat in seats}
    return [_line(each, actor.cpts_id, names, now) for each in found]


def _line(
    agreement: Agreement, cpts_id: int | None, names: dict[int, str], now: dt.datetime
) -> AgreementLine:
    is_over = agreement.ends_at is not None and agreement.ends_at <= now
    if agreement.withdrawn_at is not None or is_over:
        state = "ended"
    elif agreement.other_signed_at is not None:
        state = "in_force"
    else:
        state = "waiting_them" if agreement.proposed_by_cpts_id == cpts_id else "waiting_us"
    hours = [
        f"{WEEKDAYS[h.weekday]} {h.opens_minute // 60}:{h.opens_minute % 60:02}"
        f"–{h.closes_minute // 60}:{h.closes_minute % 60:02}"
        for h in agreement.hours.all()
    ]
    return AgreementLine(
        agreement=agreement,
        partner=agreement.partner_of(cpts_id),
        state=state,
        professions=", ".join(
            each.get_profession_display() for each in agreement.professions.all()
        ),
        hours=", ".join(hours) or "à toute heure",
        signed_by={
            "proposer": names.get(agreement.proposer_signed_by, ""),
            "other": names.get(agreement.other_signed_by, ""),
        },
    )
