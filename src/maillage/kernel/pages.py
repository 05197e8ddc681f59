"""How a page is declared and rendered, and a table given as a file. An undeclared view fails the build
(see tests/trust)."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from maillage.kernel import journal
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Permission

View = Callable[..., HttpResponse]
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - what a spreadsheet begins to compute at


class Access(StrEnum):
    PUBLIC = "public"  # anybody; shows nothing of a person
    LINK = "link"  # the holder of a signed link; the view reads the token
    SIGNED_IN = "signed_in"  # any account, outside a CPTS
    TECHNICAL = "technical"  # the technical operator


@dataclass(frozen=True, slots=True)
class PageRule:
    """Who may open a route: an access, or any one of the permissions inside the CPTS of the URL."""

    access: Access | None
    permissions: tuple[Permission, ...]
    model: type[models.Model] | None
    methods: tuple[str, ...]


def page(
    *who: Access | Permission,
    of: type[models.Model] | None = None,
    methods: tuple[str, ...] = ("GET",),
) -> Callable[[View], View]:
    """Declare who may open a view.

    `@page(Permission.X)`: a page of a CPTS; the seat was checked by the middleware (404 without one),
    then the permission (403 with a sentence).
    `@page(Permission.X, of=Model)`: the view receives the object instead of its `pk`; the object is
    looked up through `Model.objects.visible_to(actor)` first, so what is foreign or not visible is
    a 404 exactly like an id that does not exist, and only then is the permission asked (403).
    """
    access = next((each for each in who if isinstance(each, Access)), None)
    permissions = tuple(each for each in who if isinstance(each, Permission))
    allowed = (*methods, "HEAD") if "GET" in methods else methods
    rule = PageRule(access, permissions, of, methods)

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: Any, **kwargs: Any) -> HttpResponse:
            kwargs.pop("cpts", None)
            args: tuple[Any, ...] = ()
            if of is not None:
                manager: Any = of._default_manager
                args = (get_object_or_404(manager.visible_to(request.actor), pk=kwargs.pop("pk")),)
            if permissions and not any(request.actor.may(p, request.cpts) for p in permissions):
                raise NotAllowed("Votre rôle dans cette CPTS ne donne pas accès à cette page.")
            if request.method not in allowed:
                return _not_allowed(request, allowed)
            response = view(request, *args, **kwargs)
            if access is not Access.PUBLIC:
                add_never_cache_headers(response)
            return response

        wrapped.page_rule = rule  # type: ignore[attr-defined]
        if access in {Access.PUBLIC, Access.LINK}:
            return login_not_required(wrapped)
        return wrapped

    return decorate


def _not_allowed(request: HttpRequest, allowed: tuple[str, ...]) -> HttpResponse:
    """The address of a button opened as a page (after a log-in, from the history): say it."""
    response = HttpResponseNotAllowed(allowed)
    if request.method == "GET":
        context = {
            "title": "Rien n'a été fait",
            "message": "Cette adresse ne s'ouvre pas : elle attend le bouton d'une page. "
            "Revenez à l'accueil, puis recommencez.",
            "back": "",
        }
        response.content = render(request, "kernel/error.html", context, using="jinja2").content
    return response


def read(request: Any, name: str, residents: Iterable[int | None], *, purpose: str) -> None:
    """One line of the journal for everybody this answer shows (their ids)."""
    journal.record_read(
        name, by=request.actor, cpts=request.cpts, residents=residents, purpose=purpose
    )


def is_fragment(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render `app/name.html`, or its fragment `app/_name.html` when HTMX asks for it."""
    if is_fragment(request):
        template = template.replace("/", "/_", 1)
    response = render(request, template, context or {}, status=status, using="jinja2")
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_table(name: str, rows: Iterable[Iterable[str]]) -> HttpResponse:
    """A file for a spreadsheet, as French ones expect it: UTF-8 with its mark, semicolons.

    A text somebody typed may begin like a formula: the spreadsheet is told that it is a text.
    """
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    csv.writer(response, delimiter=";").writerows(
        [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in rows
    )
    return response
