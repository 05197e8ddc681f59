"""The dispatcher's board and form."""

from functools import lru_cache

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from markupsafe import Markup

from maillage.directory.enums import CareKind, Profession
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import is_fragment, page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.enums import (
    LADDER,
    OPEN,
    AgeBand,
    AgreementGiver,
    CallResult,
    CallTo,
    CareRequestStatus,
    Circle,
    OwnerReason,
    ProposalState,
    Reason,
    RefusalReason,
)
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.counter import counter_text
from maillage.snp.queries.ladder import SEARCHING, circles_open, deadlines_of
from maillage.snp.queries.queue import Row

PURPOSE = "régulation SNP"
LINE_KEPT_SECONDS = 10
S = CareRequestStatus


def on_board(request, care_request=None) -> HttpResponse:
    """Back to the board, with the request in hand."""
    url = reverse("snp:board", kwargs={"cpts": request.cpts.slug})
    return redirect(f"{url}?demande={care_request.pk}" if care_request else url)


def id_of(text: str) -> int | None:
    """What may be the id of a row; None for anything else, numbers too long for a column included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def act(request, care_request, call, said="") -> HttpResponse:
    """One call, then the board; an expected refusal is shown there, as a sentence.

    `said`: the sentence of success, or a function that makes it of what the call returned.
    """
    try:
        done = call()
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
        if is_fragment(request):
            return render(request, "_messages.html", status=409, using="jinja2")
    else:
        sentence = said(done) if callable(said) else said
        if sentence:
            messages.success(request, sentence)
    return on_board(request, care_request)


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def widen(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.widen(by=request.actor, care_request=care_request),
        lambda done: f"Cercle ouvert : {done.get_circle_display()}.",
    )


@page(Permission.SNP_DESK)
def board(request):
    settings = queries.settings_of(request.cpts)
    selected = id_of(request.GET.get("demande", ""))
    if is_fragment(request) and request.GET.get("since"):
        if request.GET["since"] == str(settings.version):
            return HttpResponse(status=204)
        answer = queue_part(request, selected, settings)
        if answer is not None:
            return answer
    # First, because the centres of its communes then serve the ranking too.
    drawn = queries.recent_map_of(request.cpts, timezone.localdate())
    found = queries.board_of(request.cpts, selected=selected, kept=True, settings=settings)
    journal.record_read(
        "snp.board",
        by=request.actor,
        cpts=request.cpts,
        residents=found.residents,
        purpose=PURPOSE,
    )
    response = render_page(request, "snp/board.html", board_context(request, found, drawn))
    response.headers["X-Board-Version"] = str(found.version)
    return response


def queue_part(request, selected: int | None, settings: DeskSettings) -> HttpResponse | None:
    """The queue alone, for a board whose request in hand shows the same as before; None otherwise."""
    mark = request.GET.get("shown", "")
    if selected is None or not mark:
        return None
    found = queries.queue_alone(
        request.cpts, selected=selected, mark=mark, settings=settings, now=timezone.now()
    )
    if found is None:
        return None
    queue, mark = found
    context = {**queue_context(request, queue, selected), "mark": mark}
    response = render(request, "snp/_board_part.html", context, using="jinja2")
    response.headers["X-Board-Version"] = str(queue.settings.version)
    response.headers["X-Board-Part"] = "1"
    return response


def queue_context(request, queue: queries.Queue, selected: int | None) -> dict:
    url = reverse("snp:board", kwargs={"cpts": request.cpts.slug})
    return {
        "counts": queue.counts,
        "rows": queue.rows,
        "queue": queue_of(queue, url, selected),
        "board_url": url,
        "new_url": reverse("snp:new", kwargs={"cpts": request.cpts.slug}),
    }


def queue_of(queue: queries.Queue, url: str, selected: int | None) -> Markup:
    """The lines of the queue. Most are drawn already: a line only changes with its row and, every
    few seconds, with the time it tells."""
    drawn_at = int(timezone.now().timestamp() / LINE_KEPT_SECONDS)
    key = ("lines", url, drawn_at)
    if key not in queue.drawn:
        lines = [_line(row, f"{url}?demande={row.id}", drawn_at) for row in queue.rows]
        queue.drawn[key] = "".join(lines)
    html = queue.drawn[key]
    if selected is not None:
        mine = f'id="req-{selected}"'
        html = html.replace(mine, f'{mine} aria-current="true"', 1)
    return Markup(html)  # noqa: S704 - drawn by the template, which escapes


@lru_cache(maxsize=2048)
def _line(row: Row, address: str, drawn_at: int) -> str:
    profession = Profession(row.profession).label
    context = {"r": row, "address": address, "profession": profession}
    return render_to_string("snp/_queue_row.html", context, using="jinja2")


def board_context(request, found: queries.Board, drawn) -> dict:
    url = reverse("snp:board", kwargs={"cpts": request.cpts.slug})
    current = found.current
    ranked = found.matching.ranked if found.matching else ()
    return {
        **queue_context(request, found.queue, current.pk if current else None),
        "mark": found.mark,
        "current": current,
        "current_id": current.pk if current else None,
        "facts": facts(current) if current else {},
        "where": where(current, found.settings) if current else {},
        "can": allowed(current) if current else {},
        "proposals": [offered(proposal) for proposal in found.proposals],
        "countered": [(each, counter_text(each)) for each in found.countered],
        "calls_to": CallTo.choices,
        "call_results": CallResult.choices,
        "refusals": RefusalReason.choices,
        "givers": AgreementGiver.choices,
        "history": found.history,
        "matching": found.matching,
        "awaited": found.awaited,
        "ranked": ranked,
        "fee_notes": queries.near_ceiling(
            current, [each.professional_id for each in ranked], timezone.now()
        )
        if ranked
        else {},
        "left_out": found.matching.left_out_groups if found.matching else (),
        "kinds": dict(CareKind.choices),
        "professions": dict(Profession.choices),
        "map": drawn,
        "pins": pins(found, ranked, drawn, url),
        "lines": lines(current, ranked, drawn),
        "board_version": found.version,
    }


def facts(care_request: CareRequest) -> dict:
    """The words of the request in hand."""
    return {
        "reason": Reason(care_request.reason).label if care_request.reason else "Transmis au 15",
        "age": AgeBand(care_request.age_band).label if care_request.age_band else "âge non demandé",
        "profession": Profession(care_request.profession).label,
        "inform": care_request.get_inform_state_display(),
    }


def where(care_request: CareRequest, settings: DeskSettings) -> dict:
    """How far the search has come, who answers for it, and the two promises."""
    circles = []
    opened = circles_open(care_request.circle)
    for circle in LADDER:
        tone = "now" if circle == care_request.circle else "done" if circle in opened else ""
        circles.append((circle.label, tone))
    return {
        "circles": circles,
        "circle": Circle(care_request.circle).label,
        "why": OwnerReason(care_request.owner_why).label if care_request.owner_why else "",
        "deadlines": deadlines_of(care_request, settings, timezone.now()),
    }


def offered(proposal: Proposal) -> dict:
    """A live or accepted proposal: its slot in words, and what is said to the patient."""
    slot = proposal.booking.slot
    return {
        "proposal": proposal,
        "slot": queries.slot_text(slot),
        "said": queries.appointment_text(proposal),
        "phone": phone_of(proposal),
        "begun": slot.starts_at <= timezone.now(),
    }


def phone_of(proposal: Proposal) -> str:
    """The number to call the professional; of a neighbour's, only when the agreement shares it."""
    if proposal.agreement is not None and not proposal.agreement.shares_phone:
        return ""
    return proposal.booking.slot.place.phone or proposal.professional.phone


def allowed(care_request: CareRequest) -> dict[str, bool]:
    """Which acts the page offers; each action checks again."""
    status = care_request.status
    is_open = status in OPEN
    return {
        "take": is_open,
        "propose": status in (S.NEW, S.PROPOSED),
        "inform": status in (S.ACCEPTED, S.INFORMED),
        "sms": status == S.ACCEPTED and care_request.sms_allowed,
        "outcome": status in (S.ACCEPTED, S.INFORMED),
        "missed": status == S.INFORMED,
        "agreement": is_open and care_request.agreement_at is None,
        "name": is_open and care_request.resident_id is None,
        "widen": status in SEARCHING and care_request.circle != Circle.HAND_OVER,
        "reorient": status in (S.PROPOSED, S.ACCEPTED, S.INFORMED, S.MISSED),
        "cancel": is_open,
        "signs": is_open,
        "call": care_request.closed_at is None or bool(care_request.to_tell),
        "merge": is_open,
        "unmerge": status == S.MERGED,
        "confirm": status == S.HANDED_OVER and care_request.closed_at is None,
    }


def pins(found: queries.Board, ranked, drawn, url: str) -> list[dict]:
    if drawn is None:
        return []
    placed = []
    for row in found.rows:
        if row.insee in drawn.points:
            x, y = drawn.points[row.insee]
            placed.append(
                {
                    "x": x,
                    "y": y,
                    "kind": "request",
                    "label": f"n° {row.number}, {row.reason}, {row.commune}",
                    "rank": 0,
                    "tone": row.urgency,
                    "selected": found.current is not None and row.id == found.current.pk,
                    "url": f"{url}?demande={row.id}",
                    "insee": row.insee,
                }
            )
    for candidate in ranked:
        if candidate.insee in drawn.points:
            x, y = drawn.points[candidate.insee]
            placed.append(
                {
                    "x": x,
                    "y": y,
                    "kind": "professional",
                    "label": candidate.name,
                    "rank": candidate.rank,
                    "tone": 0,
                    "selected": False,
                    "url": "",
                    "insee": candidate.insee,
                }
            )
    return placed


def lines(current, ranked, drawn) -> list[dict]:
    if drawn is None or current is None or current.commune_id not in drawn.points:
        return []
    x1, y1 = drawn.points[current.commune_id]
    ends = [drawn.points[c.insee] for c in ranked[:3] if c.insee in drawn.points]
    return [{"x1": x1, "y1": y1, "x2": x2, "y2": y2} for x2, y2 in ends if (x2, y2) != (x1, y1)]


@page(Permission.SNP_DESK, of=CareRequest)
def story(request, care_request):
    """A case from its first minute to its end."""
    history = queries.history(care_request)
    journal.record_read(
        "snp.story",
        by=request.actor,
        cpts=request.cpts,
        residents=[care_request.resident_id],
        purpose=PURPOSE,
    )
    proposals = care_request.proposals.select_related(
        "professional", "booking__slot__place__commune"
    ).order_by("sent_at", "pk")
    return render_page(
        request,
        "snp/story.html",
        {
            "care_request": care_request,
            "facts": facts(care_request),
            "history": history,
            "proposals": proposals,
        },
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def take(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.take_case(by=request.actor, care_request=care_request),
        said="Vous suivez cette demande.",
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def propose(request, care_request):
    wanted = id_of(request.POST.get("slot", ""))
    if wanted is None:
        messages.error(request, "Choisissez un créneau.")
        return on_board(request, care_request)
    slots = queries.slots_to_choose(care_request, timezone.now()).select_related("place__commune")
    slot = get_object_or_404(slots, pk=wanted)
    return act(
        request,
        care_request,
        lambda: actions.propose(by=request.actor, care_request=care_request, slot=slot),
        said=lambda proposal: (
            "Créneau réservé : prévenez le patient."
            if proposal.state == ProposalState.ACCEPTED
            else "Proposition envoyée : la réponse est attendue."
        ),
    )


@page(Permission.SNP_DESK, of=Proposal, methods=("POST",))
def withdraw(request, proposal):
    return act(
        request,
        proposal.care_request,
        lambda: actions.withdraw_proposal(by=request.actor, proposal=proposal),
        said="Proposition retirée, la place est libre."
        if proposal.state == ProposalState.SENT
        else "",
    )
