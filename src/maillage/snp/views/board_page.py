"""The dispatcher's board: the whole, and what changed of it for a page that follows."""

from functools import lru_cache

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from markupsafe import Markup

from maillage.directory.enums import CareKind, Profession
from maillage.kernel.pages import is_fragment, page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.residents.enums import AgreementGiver
from maillage.residents.rules import covers
from maillage.snp import queries
from maillage.snp.enums import (
    LADDER,
    OPEN,
    CallResult,
    CallTo,
    CareRequestStatus,
    Circle,
    OwnerReason,
    RefusalReason,
)
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.counter import counter_text
from maillage.snp.queries.ladder import SEARCHING, circles_open, deadlines_of
from maillage.snp.queries.queue import Row
from maillage.snp.views.desk import PURPOSE, facts, id_of

LINE_KEPT_SECONDS = 10
S = CareRequestStatus


@page(Permission.SNP_DESK)
def board(request):
    settings = queries.settings_of(request.cpts)
    selected = id_of(request.GET.get("demande", ""))
    shown = queries.Moment.read(request.GET.get("since", ""))
    if is_fragment(request) and shown is not None:
        if shown.version == settings.version:
            return HttpResponse(status=204)
        answer = part(request, selected, settings, shown)
        if answer is not None:
            return answer
    # First, because the centres of its communes then serve the ranking too.
    drawn = queries.recent_map_of(request.cpts, timezone.localdate())
    found = queries.board_of(request.cpts, selected=selected, kept=True, settings=settings)
    read(request, "snp.board", found.residents, purpose=PURPOSE)
    response = render_page(request, "snp/board.html", board_context(request, found, drawn))
    response.headers["X-Board-Version"] = str(found.moment)
    return response


def part(
    request, selected: int | None, settings: DeskSettings, shown: queries.Moment
) -> HttpResponse | None:
    """What changed around a request in hand that is the same as before; None otherwise."""
    mark = request.GET.get("shown", "")
    if selected is None or not mark:
        return None
    seen = queries.glance(
        request.cpts, selected=selected, mark=mark, settings=settings, now=timezone.now()
    )
    if seen is None:
        return None
    moved = seen.queue.moved_since(shown)
    if moved is None:
        context = queue_context(request, seen.queue, selected)
    else:
        context = moved_context(request, seen.queue, moved, selected)
    context["mark"] = seen.mark
    if seen.has_ranked:
        context |= ranked_context(seen.care_request, seen.matching, seen.awaited)
    if seen.has_map:
        drawn = queries.recent_map_of(request.cpts, timezone.localdate())
        url = context["board_url"]
        context |= map_context(seen.queue, seen.care_request, seen.matching, drawn, url)
    response = render(request, "snp/_board_part.html", context, using="jinja2")
    response.headers["X-Board-Version"] = str(seen.queue.moment)
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


def moved_context(request, queue: queries.Queue, moved: list[Row], selected: int | None) -> dict:
    """For a page that has the other lines: those that moved, and the order of all."""
    url = reverse("snp:board", kwargs={"cpts": request.cpts.slug})
    key = ("order",)
    if key not in queue.drawn:
        queue.drawn[key] = " ".join(str(row.number) for row in queue.rows)
    return {
        "counts": queue.counts,
        "rows": queue.rows,
        "moved": _with_current(_lines(moved, url, _second()), selected),
        "order": queue.drawn[key],
        "board_url": url,
    }


def queue_of(queue: queries.Queue, url: str, selected: int | None) -> Markup:
    """All the lines of the queue."""
    second = _second()
    key = ("lines", url, second)
    html = queue.drawn.get(key)
    if html is None:
        for old in [each for each in list(queue.drawn) if each[0] == "lines"]:
            queue.drawn.pop(old, None)
        html = queue.drawn[key] = _lines(queue.rows, url, second)
    return _with_current(html, selected)


def _second() -> int:
    return int(timezone.now().timestamp())


def _lines(rows: list[Row], url: str, second: int) -> str:
    """Most are drawn already: a line only changes with its row and, every few seconds, not all at
    once, with the time it tells."""
    return "".join(
        _line(row, f"{url}?demande={row.id}", (second + row.id) // LINE_KEPT_SECONDS)
        for row in rows
    )


def _with_current(html: str, selected: int | None) -> Markup:
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
    current = found.current
    queue = queue_context(request, found.queue, current.pk if current else None)
    context = {
        **queue,
        **map_context(found.queue, current, found.matching, drawn, queue["board_url"]),
        "mark": found.mark,
        "board_version": found.moment,
        "current": current,
        "matching": found.matching,
        "current_id": None,
    }
    if current is None:
        return context
    return {
        **context,
        **ranked_context(current, found.matching, found.awaited),
        "facts": facts(current),
        "where": where(current, found.settings),
        "can": allowed(current),
        "proposals": [offered(proposal) for proposal in found.proposals],
        "countered": [(each, counter_text(each)) for each in found.countered],
        "calls_to": CallTo.choices,
        "call_results": CallResult.choices,
        "refusals": RefusalReason.choices,
        "givers": AgreementGiver.choices,
        "history": found.history,
        "kinds": dict(CareKind.choices),
    }


def ranked_context(current: CareRequest, matching, awaited: int) -> dict:
    """Who can answer, and who cannot."""
    ranked = tuple(matching.ranked) if matching else ()
    people = [each.professional_id for each in ranked]
    notes = queries.near_ceiling(current, people, timezone.now()) if ranked else {}
    return {
        "current_id": current.pk,
        "matching": matching,
        "ranked": ranked,
        "ranked_list": _ranked(ranked, bool(awaited), tuple(notes.items())) if ranked else "",
        "awaited": awaited,
        "left_out": matching.left_out_groups if matching else (),
    }


@lru_cache(maxsize=256)
def _ranked(ranked: tuple, is_awaited: bool, notes: tuple) -> Markup:
    context = {
        "ranked": ranked,
        "awaited": is_awaited,
        "fee_notes": dict(notes),
        "kinds": dict(CareKind.choices),
    }
    html = render_to_string("snp/_board_ranked_list.html", context, using="jinja2")
    return Markup(html)  # noqa: S704 - drawn by the template, which escapes


def map_context(
    queue: queries.Queue, current: CareRequest | None, matching, drawn, url: str
) -> dict:
    ranked = matching.ranked if matching else ()
    return {
        "map": drawn,
        "pins": pins(queue.rows, current, ranked, drawn, url),
        "lines": lines(current, ranked, drawn),
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
        "agreement": is_open and not covers(care_request.sharing),
        "information": is_open and care_request.information_id is None,
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


def pins(rows: list[Row], current: CareRequest | None, ranked, drawn, url: str) -> list[dict]:
    if drawn is None:
        return []
    placed = []
    for row in rows:
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
                    "selected": current is not None and row.id == current.pk,
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
