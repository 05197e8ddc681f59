"""A case minute by minute; and what the ranking said of one professional at each moment."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Q

from maillage.accounts.models import Notice, Seat
from maillage.directory.models import Professional
from maillage.snp.enums import CareRequestStatus, Circle, ProposalState
from maillage.snp.models import CareRequest, CareRequestEvent, Proposal, Shortlist
from maillage.snp.queries.ladder import SEARCHING
from maillage.snp.queries.ranking import candidate_for, matching_for
from maillage.snp.queries.words import slot_text

TOLD_BY = {"link": "par le lien reçu", "system": "automatique"}


# Minute by minute


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened within one minute, each with its author, and how the case stood at its end."""

    at: dt.datetime
    acts: tuple[tuple[str, str], ...]
    status: str
    circle: str
    owner: Seat | None


def replay_of(care_request: CareRequest) -> list[Minute]:
    """One line for each minute where something happened, in order; no identity in any of them."""
    by_minute: dict[dt.datetime, list[tuple[dt.datetime, str, str]]] = defaultdict(list)
    stood: dict[dt.datetime, CareRequestEvent] = {}
    for event in care_request.events.select_related("by_seat__user", "owner__user").order_by(
        "at", "pk"
    ):
        author = str(event.by_seat.user) if event.by_seat else TOLD_BY.get(event.by_kind, "")
        by_minute[_minute(event.at)].append((event.at, event.text, author))
        stood[_minute(event.at)] = event
    for at, text in (*_awaited(care_request), *_notices(care_request), *_rankings(care_request)):
        by_minute[_minute(at)].append((at, text, TOLD_BY["system"]))
    minutes, last = [], None
    for at in sorted(by_minute):
        last = stood.get(at, last)
        acts = sorted(by_minute[at], key=lambda act: act[0])
        minutes.append(
            Minute(
                at=at,
                acts=tuple((text, author) for _, text, author in acts),
                status=CareRequestStatus(last.status).label if last else "",
                circle=Circle(last.circle).label if last else "",
                owner=last.owner if last else None,
            )
        )
    return minutes


def _minute(at: dt.datetime) -> dt.datetime:
    return at.replace(second=0, microsecond=0)


def _awaited(care_request: CareRequest):
    """Until when each answer was awaited: no event says it."""
    for proposal in care_request.proposals.select_related("professional"):
        if proposal.state == ProposalState.EXPIRED:
            yield proposal.expires_at, f"Fin du délai de réponse de {proposal.professional}."


def _notices(care_request: CareRequest):
    """What left the platform: how, and whether it was sent; neither its text nor the number."""
    keys = Q(key__startswith=f"request:{care_request.pk}:")
    for pk in care_request.proposals.values_list("pk", flat=True):
        keys |= Q(key__startswith=f"proposal:{pk}:")
    found = Notice.objects.filter(keys, cpts=care_request.cpts_id).order_by("created_at", "pk")
    for notice in found:
        channel = notice.get_channel_display()
        yield notice.created_at, f"Message écrit ({channel}) : {notice.get_state_display()}."
        if notice.sent_at is not None:
            yield notice.sent_at, f"Message parti ({channel})."


def _rankings(care_request: CareRequest):
    for shortlist in care_request.shortlists.all():
        ranked = sum(1 for _, rank, _ in shortlist.people if rank)
        yield (
            shortlist.at,
            f"Classement ({shortlist.get_circle_display()}) : {ranked} pouvaient répondre, "
            f"{len(shortlist.people) - ranked} écartés.",
        )


# Why somebody was asked, or was not


@dataclass(frozen=True, slots=True)
class Why:
    """What was true of a professional at one moment, in a sentence."""

    at: dt.datetime
    text: str
    is_now: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the ranking of one moment: `rank` 0 when left out, and why."""

    professional: Professional
    rank: int
    sentence: str


def shortlist_lines(shortlist: Shortlist) -> list[Said]:
    """Everybody the ranking spoke of at that moment, those who could answer first."""
    people = Professional.objects.in_bulk([pk for pk, _, _ in shortlist.people])
    lines = [
        Said(people[pk], rank, shortlist.sentences[at] if at >= 0 else "")
        for pk, rank, at in shortlist.people
        if pk in people
    ]
    return sorted(lines, key=lambda line: (not line.rank, line.rank))


def why(care_request: CareRequest, professional: Professional, *, now: dt.datetime) -> list[Why]:
    """For each moment somebody chose or a circle opened: what the ranking said of this
    professional, and whether they were asked; then what it says now, while the search goes on."""
    asked = list(
        care_request.proposals.select_related(
            "professional", "booking__slot__place__commune"
        ).order_by("sent_at", "pk")
    )
    shortlists = list(care_request.shortlists.all())
    said = [Why(each.at, _then(each, professional, asked)) for each in shortlists]
    said += [
        Why(
            each.sent_at,
            f"Sollicité pour {slot_text(each.booking.slot)} : {each.get_state_display()}"
            + (f", {each.get_refusal_reason_display()}." if each.refusal_reason else "."),
        )
        for each in asked
        if each.professional_id == professional.pk
    ]
    said.sort(key=lambda line: line.at)
    said.append(Why(now, _now(care_request, professional, now), is_now=True))
    return said


def _then(shortlist: Shortlist, professional: Professional, asked: list[Proposal]) -> str:
    circle = shortlist.get_circle_display()
    line = next((each for each in shortlist.people if each[0] == professional.pk), None)
    if line is None:
        return (
            f"Pas dans le classement ({circle}) : d'une autre profession que celle demandée, "
            "ou hors de l'annuaire à ce moment."
        )
    _, rank, sentence = line
    if not rank:
        return f"Écarté ({circle}) : {shortlist.sentences[sentence]}."
    chosen = next((each for each in asked if each.sent_at == _chosen_at(shortlist, asked)), None)
    if chosen is None:
        return f"Pouvait répondre ({circle}), classé n° {rank} ; personne n'a été choisi alors."
    if chosen.professional_id == professional.pk:
        return f"Pouvait répondre ({circle}), classé n° {rank}, et a été choisi."
    first = next((each[1] for each in shortlist.people if each[0] == chosen.professional_id), 0)
    place = f", classé n° {first}," if first else ""
    return (
        f"Pouvait répondre ({circle}), classé n° {rank} ; "
        f"{chosen.professional}{place} a été choisi."
    )


def _chosen_at(shortlist: Shortlist, asked: list[Proposal]) -> dt.datetime | None:
    """A choice keeps its ranking within the same act: the proposal that follows it at once."""
    after = [each.sent_at for each in asked if each.sent_at >= shortlist.at]
    at = min(after, default=None)
    return at if at is not None and at - shortlist.at < dt.timedelta(seconds=5) else None


def _now(care_request: CareRequest, professional: Professional, now: dt.datetime) -> str:
    if care_request.status not in SEARCHING:
        status = CareRequestStatus(care_request.status).label.lower()
        return f"La recherche est finie : la demande est « {status} »."
    found = candidate_for(care_request, professional.pk, matching_for(care_request, now=now))
    if found.left_out:
        return f"Écarté : {found.left_out}."
    return f"Peut répondre, classé n° {found.rank}."
