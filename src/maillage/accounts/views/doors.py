"""The second proof of who sits there, and the sessions left open elsewhere."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme

from maillage.accounts import actions, gateway, queries
from maillage.accounts.models import Seat
from maillage.kernel.pages import Access, page, render_page
from maillage.kernel.permissions import Permission


def next_of(request, given):
    """Where to go afterwards: an address of ours, else the first page."""
    allowed = url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return given if given and allowed else "/"


@page(Access.SIGNED_IN)
def second_factor(request):
    """Where a session with one proof only is led: to give the second, or to choose one. Also, with
    `encore`, a session whose proofs are old, before an act that changes rights."""
    after = next_of(request, request.GET.get("next", ""))
    again = gateway.has_two_factors(request)
    if again and (gateway.is_fresh(request) or "encore" not in request.GET):
        return redirect(after)
    context = {
        "after": after,
        "again": again,
        "means": queries.second_factors_of(request.user),
        "has_psc": gateway.is_psc_configured(),
    }
    return render_page(request, "accounts/second_factor.html", context)


@page(Access.SIGNED_IN)
def sessions(request):
    """Where one's account is open: since when, from which device."""
    context = {
        "rows": queries.sessions_of(request.user),
        "here": request.session.session_key,
    }
    return render_page(request, "accounts/sessions.html", context)


@page(Access.SIGNED_IN, methods=("POST",))
def session_end(request, pk):
    """Close one; it is closed at its next request."""
    row = get_object_or_404(request.user.usersession_set, pk=pk)
    actions.end_sessions(by=request.actor, user=request.user, sessions=[row])
    messages.success(request, "Cette session est fermée.")
    return redirect("accounts:sessions")


@page(Permission.SEATS_MANAGE, of=Seat, methods=("POST",))
def seat_sessions_end(request, seat):
    """A device is lost, an account is doubtful: an administrator closes all its sessions."""
    count = actions.end_seat_sessions(by=request.actor, seat=seat)
    messages.success(request, f"{seat.user} : sessions fermées : {count}.")
    return redirect("accounts:seats", cpts=request.cpts.slug)


@page(Access.SIGNED_IN, methods=("POST",))
def sessions_end(request):
    """Close every one but this."""
    others = request.user.usersession_set.exclude(session_key=request.session.session_key)
    count = actions.end_sessions(by=request.actor, user=request.user, sessions=list(others))
    messages.success(request, f"Sessions fermées ailleurs : {count}.")
    return redirect("accounts:sessions")
