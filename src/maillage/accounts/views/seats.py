"""Roles of the CPTS, one's own account, letters, the door of a demonstration."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_scopes import scope

from maillage.accounts import actions, gateway, queries
from maillage.accounts.enums import SEAT_TRANSITIONS, SeatState
from maillage.accounts.forms import InviteForm
from maillage.accounts.models import Seat
from maillage.kernel import instance
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import Access, page, render_page
from maillage.kernel.permissions import Permission

PER_PAGE = 50

# What an administrator does to a seat, said as a button; the person invited accepts by themselves.
MOVES = {
    SeatState.ACTIVE: {
        SeatState.ACCEPTED: "Ouvrir les droits",
        SeatState.SUSPENDED: "Rétablir",
    },
    SeatState.SUSPENDED: {SeatState.ACTIVE: "Suspendre"},
    SeatState.LEFT: {
        SeatState.INVITED: "Annuler l'invitation",
        SeatState.ACCEPTED: "Annuler",
        SeatState.ACTIVE: "Mettre fin",
        SeatState.SUSPENDED: "Mettre fin",
    },
}
TONES = {
    SeatState.INVITED: "info",
    SeatState.ACCEPTED: "warn",
    SeatState.ACTIVE: "ok",
    SeatState.SUSPENDED: "bad",
    SeatState.LEFT: "",
}


def _moves(seat):
    """(state, words) of each move the table allows an administrator."""
    return [
        (state.value, words[seat.state])
        for state, words in MOVES.items()
        if state in SEAT_TRANSITIONS[seat.state] and seat.state in words
    ]


def _show_seats(request, form, *, status=200):
    renamed = queries.renamed_cards().filter(user=OuterRef("user"))
    everyone = (
        Seat.objects.visible_to(request.actor)
        .select_related("user")
        .annotate(card_is_renamed=Exists(renamed))
    )
    show_left = "partis" in request.GET
    if not show_left:
        everyone = everyone.exclude(state=SeatState.LEFT)
    listed = Paginator(everyone.order_by("role", "user__family_name", "pk"), PER_PAGE)
    page_of_seats = listed.get_page(request.GET.get("page"))
    context = {
        "form": form,
        "seats": page_of_seats,
        "rows": [(seat, TONES[seat.state], _moves(seat)) for seat in page_of_seats],
        "show_left": show_left,
        "query": "partis=1&" if show_left else "",
    }
    return render_page(request, "accounts/seats.html", context, status=status)


@page(Permission.SEATS_MANAGE)
def seats(request):
    """Who holds which role in the CPTS, and since when."""
    return _show_seats(request, InviteForm())


@page(Permission.SEATS_MANAGE, methods=("POST",))
def invite(request):
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            seat = actions.invite_seat(by=request.actor, cpts=request.cpts, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"L'invitation part vers {seat.user.email}.")
            return redirect("accounts:seats", cpts=request.cpts.slug)
    return _show_seats(request, form, status=422)


@page(Permission.SEATS_MANAGE, of=Seat, methods=("POST",))
def seat_move(request, seat):
    try:
        seat = actions.move_seat(by=request.actor, seat=seat, state=request.POST.get("state", ""))
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{seat} : {seat.get_state_display()}.")
    if seat.pk == request.actor.seat_id and seat.state != SeatState.ACTIVE:
        return redirect("accounts:account")  # one's own rights have just ended here
    return redirect("accounts:seats", cpts=request.cpts.slug)


@page(Permission.OUTBOX_VIEW)
def outbox(request):
    """Mails and SMS of the CPTS: waiting, sent, kept in a demonstration, given up."""
    is_demo = instance.is_demo()
    letters = queries.outbox_of(request.actor, is_demo=is_demo, number=request.GET.get("page"))
    context = {
        "notices": letters,
        "rows": [(each, queries.readable(each, is_demo=is_demo)) for each in letters],
    }
    return render_page(request, "accounts/outbox.html", context)


@page(Access.SIGNED_IN)
def account(request):
    """One's own roles, invitations to answer, and keyboard shortcuts."""
    own = queries.own_seats(request.user)
    open_today = {seat.pk for seat in queries.seats_of(request.user)}
    context = {
        "invitations": [seat for seat in own if seat.state == SeatState.INVITED],
        "roles": [
            (seat, TONES[seat.state], seat.pk in open_today)
            for seat in own
            if seat.state != SeatState.INVITED
        ],
        "person": request.user,
    }
    return render_page(request, "accounts/account.html", context)


def _among(seats, pk):
    """The seat of that number, when it is one of these."""
    for seat in seats:
        if seat.pk == pk:
            return seat
    raise Http404


@page(Access.SIGNED_IN, methods=("POST",))
def seat_accept(request, pk):
    seat = _among(queries.own_seats(request.user), pk)
    with scope(cpts=seat.cpts):
        actions.accept_seat(by=request.actor, seat=seat)
    messages.success(request, "C'est noté : un administrateur va ouvrir vos droits.")
    return redirect("accounts:account")


@page(Access.SIGNED_IN, methods=("POST",))
def seat_decline(request, pk):
    seat = _among(queries.own_seats(request.user), pk)
    with scope(cpts=seat.cpts):
        actions.decline_seat(by=request.actor, seat=seat)
    messages.success(request, "L'invitation est refusée.")
    return redirect("accounts:account")


def _sit(request, seat):
    """Remember the seat chosen in its CPTS, and open its first page."""
    chosen = dict(request.session.get("seats", {}))
    chosen[seat.cpts.slug] = seat.pk
    request.session["seats"] = chosen
    return redirect("home:cpts", cpts=seat.cpts.slug)


@page(Access.SIGNED_IN, methods=("POST",))
def choose_seat(request):
    """Work from another of one's active seats."""
    seat = _among(queries.seats_of(request.user), _number(request.POST.get("seat")))
    return _sit(request, seat)


def _number(text):
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


@page(Access.SIGNED_IN, methods=("POST",))
def shortcuts(request):
    actions.set_shortcuts(
        by=request.actor, user=request.user, on=request.POST.get("shortcuts") == "on"
    )
    back = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(back if allowed else resolve_url("accounts:account"))


@page(Access.PUBLIC)
def demo(request):
    """In a demonstration only: every fictitious account, one click each."""
    if not instance.is_demo():
        raise Http404
    return render_page(request, "accounts/demo.html", {"groups": queries.demo_accounts()})


@page(Access.PUBLIC, methods=("POST",))
def demo_enter(request):
    """In a demonstration only: sign in as a fictitious person, in the seat of the button."""
    seat = _among(queries.demo_seats(), _number(request.POST.get("seat")))
    login(request, seat.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    gateway.remember_proof(request, seat.user, "demo")
    actions.list_session(by=request.actor, request=request)
    return _sit(request, seat)
