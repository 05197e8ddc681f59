"""The pages of a visitor: no account, no cookie, no script; the same for whoever asks.

`site` and not `cpts` in their addresses: nobody needs a seat to read them, and those who have one
elsewhere read the same.
"""

from functools import wraps

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, get_conditional_response
from django.utils.http import quote_etag, urlencode

from maillage.accounts.rules import LinkActor
from maillage.kernel import instance
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import Access, page
from maillage.kernel.tenancy import inside
from maillage.medecin_traitant import queries as medecin_traitant
from maillage.medecin_traitant.actions import Intake, ask_for_doctor
from maillage.medecin_traitant.enums import PUBLIC_SITE, Channel
from maillage.public import queries
from maillage.public.enums import PageKind
from maillage.public.forms import AskForm, FindForm
from maillage.residents.queries import notice_of
from maillage.territory import queries as territory
from maillage.territory.models import Commune

PER_PAGE = 40
KEPT_MAX = 256
# Pages as they were drawn, by mark and address: the mark says whether they are still good.
_kept: dict[tuple[str, str], tuple[bytes, str]] = {}


def forget_pages() -> None:
    """For tests that look at what is drawn."""
    _kept.clear()


def _answered(view, request, site, etag, kwargs):
    """The page, drawn once for everybody while nothing of the site changes."""
    key = (etag, request.get_full_path())
    if key in _kept:
        content, kind = _kept[key]
        return HttpResponse(content, content_type=kind)
    response = view(request, site, **kwargs)
    kind = response["Content-Type"]
    if response.status_code == 200 and not kind.startswith("image/"):
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        _kept[key] = (response.content, kind)
    return response


def visited(view):
    """Open the scope of the CPTS whose site it is (404 when it has none that is open); answer 304 to
    who holds the same page already, else draw it. Any cache may keep it, and asks again each time.
    """

    @wraps(view)
    def wrapped(request, site, **kwargs):
        cpts = queries.cpts_at(site)
        if cpts is None:
            raise Http404
        with inside(cpts), timezone.override(cpts.zone):
            found = queries.open_site(cpts)
            if found is None:
                raise Http404
            # Read before the page: what is drawn is at least as new.
            etag = quote_etag(queries.mark_of(found, timezone.now()))
            response = get_conditional_response(request, etag=etag)
            if response is None:
                response = _answered(view, request, found, etag, kwargs)
        response["ETag"], response["Cache-Control"] = etag, "public, no-cache"
        return response

    return wrapped


def _drawn(request, site, template, context, *, kind="", status=200):
    """A page of the site: its navigation, its texts, and the words the CPTS wrote for this place."""
    pages = queries.published_pages(site.cpts)
    own = next((each for each in pages if kind and each.kind == kind), None)
    usual = {
        "site": site,
        "cpts_name": site.cpts.name,
        "slug": site.cpts.slug,
        "free_pages": [each for each in pages if each.kind == PageKind.FREE],
        "legal_pages": [each for each in pages if each.kind == PageKind.LEGAL],
        "written": queries.text_of(own.published if own else None),
        "canonical": settings.SITE_URL + request.path,
        "picture": lambda image: reverse("public:image", args=[site.cpts.slug, image.file_name]),
    }
    return render(request, template, usual | context, status=status, using="jinja2")


def _today():
    return timezone.localdate()


@page(Access.PUBLIC)
@visited
def first(request, site):
    """What to do for care that cannot wait; where to go from there."""
    context = {"out_of_hours": queries.out_of_hours(site.cpts, timezone.now())}
    return _drawn(request, site, "public/first.html", context, kind=PageKind.URGENT)


@page(Access.PUBLIC)
@visited
def find(request, site):
    """Find a professional, by profession, by commune, by distance."""
    if not site.lists_professionals:
        raise Http404
    cpts, on = site.cpts, _today()
    form = FindForm(
        request.GET,
        professions=queries.professions_shown(cpts, on),
        communes=queries.communes_shown(cpts, on),
    )
    asked = form.cleaned_data if form.is_valid() else {}
    kept = {name: value for name, value in asked.items() if value not in ("", None)}
    found = Paginator(queries.nearest(cpts, on, **kept), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "asked": kept,
        "found": found,
        "people": queries.listed(found.object_list),
        "query": f"{urlencode(kept)}&" if kept else "",
        "today": on,
    }
    return _drawn(request, site, "public/find.html", context, kind=PageKind.FIND)


@page(Access.PUBLIC)
@visited
def who(request, site):
    """Who we are: the communes, their map, the project in short."""
    cpts, on = site.cpts, _today()
    context = {
        "map": territory.map_of(cpts, on),
        "communes": territory.commune_choices(cpts, on),
        "population": territory.population_of(cpts, on),
    }
    return _drawn(request, site, "public/who.html", context, kind=PageKind.WHO)


@page(Access.PUBLIC)
@visited
def rights(request, site):
    """Where to write for one's rights, and the text that is read to people about their data."""
    context = {"notice": notice_of(site.cpts)}
    return _drawn(request, site, "public/rights.html", context, kind=PageKind.RIGHTS)


@page(Access.PUBLIC)
@visited
def join(request, site):
    return _drawn(request, site, "public/join.html", {}, kind=PageKind.JOIN)


@page(Access.PUBLIC)
@visited
def doctors(request, site):
    """Who takes new patients, by their own choice; how to ask when nobody does."""
    context = {
        "doctors": queries.taking_doctors(site.cpts, _today()),
        "today": _today(),
        "may_ask": medecin_traitant.last_settings(site.cpts) is not None,
    }
    return _drawn(request, site, "public/doctors.html", context)


@page(Access.PUBLIC, methods=("GET", "POST"))
def ask(request, site):
    """Ask for a médecin traitant: a form of one page, never kept by a cache."""
    cpts = queries.cpts_at(site)
    if cpts is None:
        raise Http404
    with inside(cpts), timezone.override(cpts.zone):
        found = queries.open_site(cpts)
        settings = medecin_traitant.last_settings(cpts)
        if found is None or settings is None:
            raise Http404
        communes = territory.commune_choices(cpts, _today())
        form = AskForm(request.POST or None, communes=communes, settings=settings)
        made = _asked(request, cpts, form) if form.is_valid() else None
        context = {"form": form, "made": made, "notice": notice_of(cpts), "settings": settings}
        if made is not None:
            context["link"] = medecin_traitant.link_to_request(made)
        status = 422 if request.method == "POST" and made is None else 200
        response = _drawn(request, found, "public/ask.html", context, status=status)
    add_never_cache_headers(response)
    return response


def _asked(request, cpts, form):
    """The request made, or None with a sentence in the form."""
    actor = LinkActor(cpts_id=cpts.pk, target=PUBLIC_SITE)
    said = form.cleaned_data | {
        "form_key": str(form.cleaned_data["form_key"]),
        "commune": Commune.objects.get(pk=form.cleaned_data["commune"]),
    }
    intake = Intake(channel=Channel.RESIDENT, **said)
    try:
        return ask_for_doctor(by=actor, cpts=cpts, intake=intake)
    except DomainError as error:
        form.add_error(None, str(error))
        return None


@page(Access.PUBLIC)
@visited
def text(request, site, which):
    """A page the CPTS wrote, legal or free."""
    pages = queries.published_pages(site.cpts)
    found = next((each for each in pages if each.slug == which and not each.completes), None)
    if found is None:
        raise Http404
    context = {"written": queries.text_of(found.published), "here": found.slug}
    return _drawn(request, site, "public/text.html", context)


@page(Access.PUBLIC)
@visited
def image(request, site, which):
    """A picture, as its bytes were checked; a browser that opens it alone saves it."""
    found = queries.picture_named(site.cpts, which)
    if found is None:
        raise Http404
    return _sent(found)


def _sent(image):
    response = HttpResponse(bytes(image.content), content_type=f"image/{image.kind}")
    response["Content-Disposition"] = f'attachment; filename="{image.file_name}"'
    return response


@page(Access.PUBLIC)
@visited
def sitemap(request, site):
    """The addresses of the site, for search engines."""
    slug = site.cpts.slug
    pages = queries.published_pages(site.cpts)
    names = ["public:first", "public:doctors", "public:who", "public:rights", "public:join"]
    if medecin_traitant.last_settings(site.cpts) is not None:
        names.insert(2, "public:ask")
    if site.lists_professionals:
        names.insert(1, "public:find")
    paths = [reverse(name, args=[slug]) for name in names]
    paths += [reverse("public:text", args=[slug, p.slug]) for p in pages if not p.completes]
    context = {"addresses": [settings.SITE_URL + path for path in paths]}
    return render(
        request, "public/sitemap.xml", context, content_type="application/xml", using="jinja2"
    )


@page(Access.PUBLIC)
def robots(request):
    """What search engines may read: the public sites, and nothing of a demonstration."""
    declared = instance.current()
    is_demo = declared is not None and declared.is_demo
    allowed = [] if is_demo else ["Allow: /p/", "Allow: /static/"]
    lines = ["User-agent: *", *allowed, "Disallow: /", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
