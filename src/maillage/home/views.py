"""The first page of each role, the journal, and the pages that say no."""

import logging
import secrets
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from maillage.accounts import queries as accounts
from maillage.accounts.enums import Role
from maillage.availability import queries as availability
from maillage.directory import queries as directory
from maillage.home import queries
from maillage.home.enums import ACTS, READS
from maillage.kernel import instance
from maillage.kernel.identifiers import fold
from maillage.kernel.models import JournalLine
from maillage.kernel.pages import Access, is_fragment, page, read, render_page, render_table
from maillage.kernel.permissions import Permission
from maillage.snp import queries as snp
from maillage.snp.rules import can_see_identity
from maillage.territory import queries as territory

LINES_PER_PAGE = 50
FILE_LINES = 50_000
ID_MAX = 2**63 - 1
REFUSALS = {403: "Accès refusé", 503: "Des données ne peuvent être lues"}
logger = logging.getLogger(__name__)


@page(Access.PUBLIC)
def health(request):
    state, status = queries.health()
    return JsonResponse(state, status=status, json_dumps_params={"ensure_ascii": False})


@page(Access.PUBLIC)
def start(request):
    """The door: to log in, to the one seat, or to the choice of seats."""
    if not request.user.is_authenticated:
        demo = instance.current()
        return redirect("accounts:demo" if demo and demo.is_demo else "account_login")
    seats = accounts.seats_of(request.user)
    if len(seats) == 1:
        return redirect("home:cpts", cpts=seats[0].cpts.slug)
    return redirect("home:seats")


@page(Access.SIGNED_IN)
def seats(request):
    held = accounts.seats_of(request.user)
    works_for = directory.structures_of_seats(held, timezone.localdate())
    return render_page(request, "home/seats.html", {"seats": held, "works_for": works_for})


@page(Permission.HOME)
def cpts_home(request):
    """The dispatcher's is the board; a professional's fits a phone; the others say what is theirs."""
    role = request.actor.seat.role
    if role == Role.DISPATCHER:
        return redirect("snp:board", cpts=request.cpts.slug)
    if role == Role.PROFESSIONAL:
        return my_day(request)
    today = timezone.localdate()
    context = {
        "population": territory.population_of(request.cpts, today),
        "works_for": directory.structures_of_seats([request.actor.seat], today),
        "follow": None,
        "professionals": [],
    }
    if request.actor.may(Permission.SNP_COUNTS, request.cpts):
        context["follow"] = snp.follow_up(request.cpts, now=timezone.now())
    if role == Role.SECRETARY:
        context["professionals"] = availability.editable_professionals(request.user.pk)
    return render_page(request, "home/role.html", context)


def my_day(request):
    """What waits for an answer, what is accepted, and « je peux prendre un patient »."""
    now = timezone.now()
    professional = availability.professional_of(request.user.pk)
    cards = []
    if professional is not None:
        for proposal in snp.to_do_for(professional, request.cpts, now=now):
            cards.append((proposal, can_see_identity(request.actor, proposal)))
    read(
        request,
        "home.my_day",
        [p.care_request.resident_id for p, is_open in cards if is_open],
        purpose="soins du patient accepté",
    )
    context = {
        "professional": professional,
        "cards": [
            {"proposal": p, "identity": is_open, "slot": snp.slot_text(p.booking.slot)}
            for p, is_open in cards
        ],
        "asking": availability.asking_of(professional, now) if professional else None,
        "fee_week": snp.week_of(professional, now) if professional else None,
        "quick": availability.quick_state(professional, now) if professional else None,
    }
    return render_page(request, "home/my_day.html", context)


def _journal_asked(request):
    """What was asked of the journal, its lines, and whether the number of a resident is not one."""
    asked = {name: request.GET.get(name, "").strip() for name in ("nature", "acte", "habitant")}
    wanted = asked["habitant"]
    is_id = wanted.isascii() and wanted.isdigit() and int(wanted[:20]) <= ID_MAX
    lines = queries.journal_of(
        request.actor,
        kind=asked["nature"],
        action=asked["acte"],
        resident_id=int(wanted) if is_id else None,
    )
    return asked, lines, bool(wanted) and not is_id


@page(Permission.JOURNAL_VIEW)
def journal_page(request):
    """Acts, readings and refusals, newest first: opaque ids only, as they were written."""
    asked, lines, is_wrong = _journal_asked(request)
    shown = Paginator(lines, LINES_PER_PAGE).get_page(request.GET.get("page"))
    query = urlencode({name: value for name, value in asked.items() if value})
    context = {
        "lines": shown,
        "rows": queries.told(shown, request.cpts),
        "asked": asked,
        "is_wrong": is_wrong,
        "query": query and f"{query}&",
        "kinds": JournalLine.Kind.choices,
        "acts": sorted(ACTS.items(), key=lambda pair: fold(pair[1])),
        "reads": sorted(READS.items(), key=lambda pair: fold(pair[1])),
    }
    return render_page(request, "home/journal.html", context)


@page(Permission.JOURNAL_VIEW)
def journal_file(request):
    """The same lines as a table to keep or to hand over: who saw one resident, when, why."""
    _, lines, is_wrong = _journal_asked(request)
    if is_wrong:
        raise Http404
    return render_table("journal", queries.journal_rows(lines[:FILE_LINES], request.cpts))


def refused(request, error, status: int):
    """An expected refusal, in a sentence: a fragment for HTMX, a page otherwise."""
    if is_fragment(request):
        return render(
            request, "kernel/_error.html", {"message": str(error)}, status=status, using="jinja2"
        )
    title = REFUSALS.get(status, "Ce n'est pas possible")
    context = {"title": title, "message": str(error), "back": request.headers.get("Referer", "")}
    return render(request, "kernel/error.html", context, status=status, using="jinja2")


def unreadable(request, error):
    """A sealed value does not open: the sentence, and a reference that the log has too."""
    reference = secrets.token_hex(4)
    logger.error("%s %s : %s", reference, request.path, error)
    sentence = f"{error} Référence à donner à l'opérateur technique : {reference}."
    return refused(request, sentence, status=503)


def csrf_failure(request, reason=""):
    """The form is too old, or its cookie is gone."""
    context = {
        "title": "Cette page a expiré",
        "message": "Rechargez la page, puis recommencez. Si cela continue, reconnectez-vous.",
        "back": request.get_full_path(),
    }
    return render(request, "kernel/error.html", context, status=403, using="jinja2")
