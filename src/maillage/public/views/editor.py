"""The pages of whoever writes the site, and of a professional who decides to be shown on it."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse

from maillage.directory import queries as directory
from maillage.directory.models import Professional
from maillage.kernel.errors import DomainError, LostUpdate, NotAllowed, Unchanged
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.public import actions, queries, rules
from maillage.public.enums import COMPLETES, BlockKind, PageKind
from maillage.public.forms import ImageForm, PageDraft, SiteForm
from maillage.public.models import PublicImage, PublicPage, PublicRefusal
from maillage.public.views.site import _sent


def _told(request, act, done):
    """Do it; say that it is done, or that nothing changes. Anything else is for the middleware."""
    try:
        act()
    except Unchanged as same:
        messages.info(request, str(same))
    else:
        messages.success(request, done)


@page(Permission.PUBLIC_EDIT, methods=("GET", "POST"))
def site(request):
    """The site of the CPTS: whether it is open, how to reach it, its pages."""
    form = SiteForm(request.POST) if request.method == "POST" else None
    if form is None:
        form = SiteForm.of(queries.site_of(request.cpts))
    elif form.is_valid():
        try:
            actions.set_site(by=request.actor, cpts=request.cpts, **form.cleaned_data)
        except NotAllowed:
            raise
        except Unchanged as same:
            messages.info(request, str(same))
            return redirect("public:site", cpts=request.cpts.slug)
        except LostUpdate as error:
            form.keep(error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Le site est enregistré.")
            return redirect("public:site", cpts=request.cpts.slug)
    lines = queries.page_lines(request.actor)
    held = {each.page.kind for each in lines}
    legal = any(each.page.kind == PageKind.LEGAL and each.page.is_published for each in lines)
    context = {
        "form": form,
        "site": queries.site_of(request.cpts),
        "lacks_legal": not legal,
        "lines": lines,
        "kinds": [pair for pair in PageKind.choices if pair[0] not in held & set(COMPLETES)],
    }
    status = 422 if form.is_bound else 200
    return render_page(request, "public/manage.html", context, status=status)


def _draft_page(request, draft, *, page=None, kind="", status=200):
    context = {
        "draft": draft,
        "page": page,
        "kind": PageKind(page.kind if page else kind),
        "block_kinds": [
            pair
            for pair in BlockKind.choices
            if pair[0] != BlockKind.IMAGE or (page.kind if page else kind) != PageKind.URGENT
        ],
        "last": queries.last_version(page) if page else None,
    }
    return render_page(request, "public/write.html", context, status=status)


def _written(request, draft, images, act, *, page=None, kind=""):
    """Answer a page that is posted: a button of the form, what is wrong, or what `act` made."""
    asked = request.POST.get("do", "keep")
    if asked != "keep":
        return _draft_page(request, draft.changed(asked, images), page=page, kind=kind)
    if draft.is_valid():
        try:
            made = act(draft)
        except NotAllowed:
            raise
        except Unchanged as same:
            messages.info(request, str(same))
            return redirect("public:history", cpts=request.cpts.slug, pk=page.pk)
        except LostUpdate as error:
            draft.keep(error)
        except DomainError as error:
            draft.head.add_error(None, str(error))
        else:
            messages.success(request, "Enregistré. Relisez, puis publiez.")
            return redirect("public:history", cpts=request.cpts.slug, pk=made.pk)
    return _draft_page(request, draft, page=page, kind=kind, status=422)


@page(Permission.PUBLIC_EDIT, methods=("GET", "POST"))
def create(request):
    """Write a new page. Its kind is chosen in the address."""
    kind = request.GET.get("sorte", PageKind.FREE)
    if kind not in PageKind.values:
        raise Http404
    images = list(queries.images_of(request.cpts))
    if request.method != "POST":
        return _draft_page(request, PageDraft.of(None, images), kind=kind)

    def act(draft):
        return actions.create_page(by=request.actor, cpts=request.cpts, kind=kind, **draft.words())

    return _written(request, PageDraft.typed(request.POST, images), images, act, kind=kind)


@page(Permission.PUBLIC_EDIT, of=PublicPage, methods=("GET", "POST"))
def write(request, page):
    """Write the next version of a page."""
    images = list(queries.images_of(request.cpts))
    if request.method != "POST":
        draft = PageDraft.of(queries.last_version(page), images)
        return _draft_page(request, draft, page=page)

    def act(draft):
        actions.write_page(by=request.actor, page=page, number=draft.number, **draft.words())
        return page

    return _written(request, PageDraft.typed(request.POST, images), images, act, page=page)


def _number(text):
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


@page(Permission.PUBLIC_EDIT, of=PublicPage)
def preview(request, page):
    """A version of a page as a visitor would read it; the last one unless told otherwise."""
    number = _number(request.GET.get("version", ""))
    version = queries.version_numbered(page, number) if number else queries.last_version(page)
    if version is None:
        raise Http404
    slug = request.cpts.slug
    context = {
        "site": queries.site_of(request.cpts),
        "cpts_name": request.cpts.name,
        "slug": slug,
        "free_pages": [],
        "legal_pages": [],
        "written": queries.text_of(version),
        "canonical": "",
        "picture": lambda image: reverse("public:picture", args=[slug, image.pk]),
        "read": version,
        "page": page,
    }
    return render_page(request, "public/preview.html", context)


@page(Permission.PUBLIC_EDIT, of=PublicPage)
def history(request, page):
    """Every version of a page: who, when; which one is shown."""
    context = {"page": page, "versions": list(queries.versions_of(page))}
    return render_page(request, "public/history.html", context)


@page(Permission.PUBLIC_EDIT, of=PublicPage, methods=("POST",))
def publish(request, page):
    number = _number(request.POST.get("version", ""))
    _told(
        request,
        lambda: actions.publish_page(by=request.actor, page=page, number=number),
        f"La version {number} est en ligne.",
    )
    return redirect("public:history", cpts=request.cpts.slug, pk=page.pk)


@page(Permission.PUBLIC_EDIT, of=PublicPage, methods=("POST",))
def restore(request, page):
    number = _number(request.POST.get("version", ""))
    _told(
        request,
        lambda: actions.restore_version(by=request.actor, page=page, number=number),
        f"La version {number} est reprise. Relisez, puis publiez.",
    )
    return redirect("public:history", cpts=request.cpts.slug, pk=page.pk)


@page(Permission.PUBLIC_EDIT, of=PublicPage, methods=("POST",))
def withdraw(request, page):
    _told(
        request,
        lambda: actions.withdraw_page(by=request.actor, page=page),
        "La page n'est plus en ligne.",
    )
    return redirect("public:history", cpts=request.cpts.slug, pk=page.pk)


# Pictures


@page(Permission.PUBLIC_EDIT, methods=("GET", "POST"))
def images(request):
    """The pictures of the site; a new one."""
    form = ImageForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            actions.add_image(
                by=request.actor,
                cpts=request.cpts,
                content=given["file"].read(),
                name=given["name"],
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, "L'image est dans le site.")
            return redirect("public:images", cpts=request.cpts.slug)
    context = {"form": form, "images": queries.images_of(request.cpts)}
    status = 422 if request.method == "POST" else 200
    return render_page(request, "public/images.html", context, status=status)


@page(Permission.PUBLIC_EDIT, of=PublicImage)
def picture(request, image):
    """A picture, for whoever writes the site, open or not."""
    return _sent(image)


@page(Permission.PUBLIC_EDIT, of=PublicImage, methods=("POST",))
def image_remove(request, image):
    actions.remove_image(by=request.actor, image=image)
    messages.success(request, "L'image est retirée du site.")
    return redirect("public:images", cpts=request.cpts.slug)


# Who is shown


def _back(request):
    """To the coordinator's list, or to one's own page."""
    edits = rules.can_edit_site(request.actor, request.cpts)
    return redirect("public:listing" if edits else "public:own", cpts=request.cpts.slug)


@page(Permission.PUBLIC_EDIT)
def listing(request):
    """Everybody of the directory: shown, or not because they refused."""
    context = {
        "site": queries.site_of(request.cpts),
        "lines": [
            (
                each,
                refusal,
                refusal is not None and rules.can_withdraw_refusal(request.actor, refusal),
            )
            for each, refusal in queries.directory_lines(request.cpts)
        ],
    }
    return render_page(request, "public/listing.html", context)


@page(Permission.PROPOSAL_ANSWER)
def own(request):
    """What the public site shows of oneself, and the way off it."""
    professional = directory.own_records(request.user.pk).visible_to(request.actor).first()
    refusals = queries.refusals_by_professional(request.cpts)
    context = {
        "site": queries.site_of(request.cpts),
        "professional": professional,
        "refusal": refusals.get(professional.pk) if professional else None,
    }
    return render_page(request, "public/own.html", context)


@page(Permission.PUBLIC_EDIT, Permission.PROPOSAL_ANSWER, of=Professional, methods=("POST",))
def refuse(request, professional):
    actions.refuse_listing(by=request.actor, cpts=request.cpts, professional=professional)
    messages.success(request, "Ce professionnel n'est plus montré sur le site public.")
    return _back(request)


@page(Permission.PUBLIC_EDIT, Permission.PROPOSAL_ANSWER, of=PublicRefusal, methods=("POST",))
def show_again(request, refusal):
    actions.withdraw_refusal(by=request.actor, refusal=refusal)
    messages.success(request, "Ce professionnel est de nouveau montré sur le site public.")
    return _back(request)
