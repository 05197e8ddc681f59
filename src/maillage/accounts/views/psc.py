"""Coming in by Pro Santé Connect, and by the link of an invitation."""

import time
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse

from maillage.accounts import actions, gateway, queries
from maillage.accounts.enums import FRESH_MINUTES, Exercise, PscIdentity, Tried
from maillage.accounts.models import Seat
from maillage.accounts.views.doors import next_of
from maillage.kernel.pages import Access, page, render_page
from maillage.kernel.permissions import Permission

ATTEMPT, FOUND, ID_TOKEN, LEFT = "psc_attempt", "psc_found", "psc_id_token", "psc_left"


def _back() -> str:
    return settings.SITE_URL + reverse("accounts:psc_back")


def _configured():
    if not gateway.is_psc_configured():
        raise Http404


@page(Access.LINK)
def invitation(request, token):
    """The link of an invitation: says who invites, and leads to a door. It opens nothing itself."""
    seat = queries.invited_by(token)
    context = {"seat": seat, "token": token, "has_psc": gateway.is_psc_configured()}
    return render_page(request, "accounts/invitation.html", context, status=200 if seat else 410)


@page(Access.PUBLIC)
def psc_start(request):
    """Off to the provider, with what must come back kept in the session."""
    _configured()
    actions.count_try(by=request.actor, kind=Tried.ADDRESS, of=gateway.address_of(request))
    attempt = gateway.Attempt.begin()
    url = gateway.log_in_url(attempt, back=_back(), again="encore" in request.GET)
    request.session[ATTEMPT] = asdict(attempt) | {
        "next": next_of(request, request.GET.get("next", "")),
        "invitation": request.GET.get("invitation", "")[:300],
    }
    return redirect(url)


@page(Access.PUBLIC)
def psc_back(request):
    """Back from the provider: everything is checked, the attempt serves once."""
    _configured()
    actions.count_try(by=request.actor, kind=Tried.ADDRESS, of=gateway.address_of(request))
    kept = request.session.pop(ATTEMPT, None)
    if kept is None or request.GET.get("state") != kept["state"]:
        raise gateway.PscRefused("Ce retour ne répond à aucune demande de cette session.")
    if "error" in request.GET or not request.GET.get("code"):
        raise gateway.PscRefused("Pro Santé Connect n'a pas confirmé votre identité.")
    if time.time() - kept["begun_at"] > FRESH_MINUTES * 60:
        raise gateway.PscRefused("Cette connexion a trop attendu : recommencez.")
    after, invited = kept.pop("next"), kept.pop("invitation")
    found = gateway.identity_of(
        code=request.GET["code"], attempt=gateway.Attempt(**kept), back=_back()
    )
    if len(found.exercises) > 1:
        request.session[FOUND] = asdict(found) | {
            "next": after,
            "invitation": invited,
            "until": time.time() + FRESH_MINUTES * 60,
        }
        return redirect("accounts:psc_choose")
    return _enter(request, found, found.exercises[0], after=after, invited=invited)


@page(Access.PUBLIC, methods=("GET", "POST"))
def psc_choose(request):
    """Several exercises: which one is the person here for?"""
    kept = request.session.get(FOUND)
    if kept is None or time.time() > kept["until"]:
        return redirect("account_login")
    kept = dict(kept)
    after, invited = kept.pop("next"), kept.pop("invitation")
    del kept["until"]
    exercises = tuple(Exercise(**each) for each in kept.pop("exercises"))
    chosen = next((each for each in exercises if each.key == request.POST.get("exercise")), None)
    if chosen is None:
        return render_page(request, "accounts/psc_choose.html", {"exercises": exercises})
    del request.session[FOUND]
    found = PscIdentity(exercises=exercises, **kept)
    return _enter(request, found, chosen, after=after, invited=invited)


def _enter(request, found, exercise, *, after, invited):
    identity = actions.recognise_identity(
        by=request.actor, found=found, invited=queries.invited_by(invited) if invited else None
    )
    if identity.new_subject:
        raise gateway.PscRefused(
            "Pro Santé Connect vous présente sous un nouveau nom technique. Un administrateur de "
            "votre CPTS doit confirmer que c'est bien vous."
        )
    if not identity.user.is_active:
        raise gateway.PscRefused("Ce compte est fermé.")
    login(request, identity.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    gateway.remember_proof(request, identity.user, "psc")
    actions.list_session(by=request.actor, request=request)
    request.session[ID_TOKEN] = found.id_token
    request.session["psc_exercise"] = asdict(exercise)
    return redirect(after)


@page(Access.PUBLIC)
def psc_leave(request):
    """Signed out here; on to the provider, so that its session ends too."""
    _configured()
    token = request.session.pop(LEFT, "")
    url = gateway.log_out_url(id_token=token, back=settings.SITE_URL + "/") if token else ""
    if not url:
        return redirect("account_login")
    response = render_page(request, "accounts/psc_leave.html", {"url": url})
    response["Refresh"] = f"0; url={url}"
    response["Clear-Site-Data"] = settings.CLEAR_SITE_DATA
    return response


@page(Permission.SEATS_MANAGE, of=Seat, methods=("POST",))
def card_confirm(request, seat):
    """The new name of a card at the provider's is the same person: the administrator has checked."""
    identity = queries.renamed_cards().filter(user=seat.user_id).first()
    if identity is None:
        raise actions.NotInvited("Il n'y a rien à confirmer pour cette personne.")
    actions.confirm_subject(by=request.actor, identity=identity, seat=seat)
    messages.success(request, f"{seat.user} : la carte ouvre de nouveau le compte.")
    return redirect("accounts:seats", cpts=request.cpts.slug)
