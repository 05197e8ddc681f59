"""From the URL to the tenant: the seat is checked once, the scope opened once."""

from contextlib import ExitStack
from dataclasses import replace

from django.conf import settings
from django.db import DataError
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django_scopes import scope

from maillage.accounts import actions, gateway, queries
from maillage.accounts.enums import Tried
from maillage.home.views import refused, unreadable
from maillage.kernel import journal
from maillage.kernel.crypto import BadKeys, CannotOpen
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import is_insee
from maillage.kernel.permissions import Permission
from maillage.snp.queries.ladder import lent_to
from maillage.territory.models import Cpts

SENSITIVE = {Permission.SEATS_MANAGE, Permission.RIGHTS}
# PostgreSQL takes no such text, not even to look for it: nothing bears that name.
NUL_BYTE = DomainError("Un caractère illisible est dans la demande : retapez-la.")


def has_ended(response) -> bool:
    """The session is over (left, closed elsewhere, too old) and the browser is led out.

    Led out only: on a page with a form it would lose the cookie that the form answers to.
    """
    cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
    return cookie is not None and cookie["max-age"] == 0 and 300 <= response.status_code < 400


class SecurityHeaders:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()"
        )
        # Refusals and redirections too: they name the person and what was asked for.
        if "Cache-Control" not in response.headers:
            add_never_cache_headers(response)
        if has_ended(response):
            response.headers["Clear-Site-Data"] = settings.CLEAR_SITE_DATA
        return response


def asked(view, kwargs):
    """The object of an address as the journal writes it; "page:" when it has none.

    What was typed in the place of an id may be anything: it is not kept.
    """
    pk, rule = kwargs.get("pk"), getattr(view, "page_rule", None)
    kind = rule.model._meta.label_lower if rule is not None and rule.model else "page"
    return f"{kind}:{pk}" if isinstance(pk, int) or is_insee(pk or "") else f"{kind}:"


def is_sensitive(request, view) -> bool:
    """Who may do what is changed only by somebody who has just proved who they are."""
    rule = getattr(view, "page_rule", None)
    return (
        request.method == "POST" and rule is not None and SENSITIVE & {*rule.permissions} != set()
    )


class TenantMiddleware:
    """Sets `request.actor` and, under `/c/<cpts>/`, `request.cpts`; there it opens the scope.

    No active seat in the CPTS of the URL, or no such CPTS: the same 404. A seat, but only one proof
    of who sits there: the page where the second is given.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.cpts = None
        request.actor = queries.actor_of(request.user)
        request.asked = ""
        with ExitStack() as request.tenant_scope:
            response = self.get_response(request)
            if request.asked and response.status_code in (403, 404):
                self.keep_refusal(request)
            return response

    def keep_refusal(self, request):
        """Somebody signed in asked for a page or an object of a CPTS that is not for them."""
        match = request.resolver_match
        journal.record_refusal(
            match.view_name.replace(":", "."),
            by=request.actor,
            cpts=request.cpts or Cpts.objects.filter(slug=match.kwargs["cpts"]).first(),
            target=request.asked,
        )

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.get("cpts")
        if request.method == "POST" and not request.user.is_authenticated:
            return self.count(request)
        if slug is None or not request.user.is_authenticated:
            return None
        request.asked = asked(view, kwargs)
        chosen = request.session.get("seats", {}).get(slug)
        actor = queries.actor_in(request.user, slug=slug, seat_id=chosen)
        if actor is None:
            raise Http404
        if not gateway.has_two_factors(request):
            query = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('accounts:second_factor')}?{query}")
        if is_sensitive(request, view) and not gateway.is_fresh(request):
            query = urlencode({"encore": 1, "next": reverse("home:cpts", args=[slug])})
            return redirect(f"{reverse('accounts:second_factor')}?{query}")
        request.cpts = actor.seat.cpts
        request.tenant_scope.enter_context(scope(cpts=request.cpts))
        request.actor = replace(actor, lent=lent_to(actor.seat, timezone.now()))
        request.tenant_scope.enter_context(timezone.override(request.cpts.zone))
        return None

    def count(self, request):
        """Whoever is not signed in writes so many times from one address, on any page at all."""
        try:
            actions.count_try(by=request.actor, kind=Tried.ADDRESS, of=gateway.address_of(request))
        except actions.TooManyTries as error:
            return refused(request, error, status=429)
        return None

    def process_exception(self, request, error):
        if isinstance(error, actions.TooManyTries):
            return refused(request, error, status=429)
        if isinstance(error, DomainError):
            return refused(request, error, status=403 if isinstance(error, NotAllowed) else 409)
        if isinstance(error, (CannotOpen, BadKeys)):
            return unreadable(request, error)
        if isinstance(error, DataError) and "NUL" in str(error):
            return refused(request, NUL_BYTE, status=400)
        return None
