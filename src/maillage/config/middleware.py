"""From the URL to the tenant: the seat is checked once, the scope opened once."""

from contextlib import ExitStack
from dataclasses import replace

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django_scopes import scope

from maillage.accounts import queries
from maillage.home.views import refused
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.snp.queries.ladder import lent_to


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
        return response


class TenantMiddleware:
    """Sets `request.actor` and, under `/c/<cpts>/`, `request.cpts`; there it opens the scope.

    No active seat in the CPTS of the URL, or no such CPTS: the same 404.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.cpts = None
        request.actor = queries.actor_of(request.user)
        with ExitStack() as request.tenant_scope:
            return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.get("cpts")
        if slug is None or not request.user.is_authenticated:
            return
        chosen = request.session.get("seats", {}).get(slug)
        actor = queries.actor_in(request.user, slug=slug, seat_id=chosen)
        if actor is None:
            raise Http404
        request.cpts = actor.seat.cpts
        request.tenant_scope.enter_context(scope(cpts=request.cpts))
        request.actor = replace(actor, lent=lent_to(actor.seat, timezone.now()))
        request.tenant_scope.enter_context(timezone.override(request.cpts.zone))
        return

    def process_exception(self, request, error):
        if isinstance(error, DomainError):
            return refused(request, error, status=403 if isinstance(error, NotAllowed) else 409)
        return None
