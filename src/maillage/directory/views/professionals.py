from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from maillage.directory import actions, queries, rules
from maillage.directory.forms import (
    AddForm,
    LinkForm,
    NationalSearchForm,
    NoteForm,
    ProfessionalForm,
    SearchForm,
)
from maillage.directory.models import Professional
from maillage.kernel import instance
from maillage.kernel.errors import DomainError, LostUpdate
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.territory.models import Commune

PER_PAGE = 50


def _to_record(request, professional):
    return redirect("directory:detail", cpts=request.cpts.slug, pk=professional.pk)


@page(Permission.DIRECTORY_VIEW)
def directory(request):
    """The directory of the CPTS: one box for names, jobs, communes, telephones and RPPS numbers."""
    form = SearchForm(request.GET, communes=queries.communes_of(request.cpts))
    asked = form.cleaned_data if form.is_valid() else {}
    found = queries.search(
        request.cpts,
        asked.get("q", ""),
        profession=asked.get("profession", ""),
        commune=asked.get("commune", ""),
        kind=asked.get("kind", ""),
    )
    kept = {name: value for name, value in asked.items() if value}
    context = {
        "form": form,
        "asked": kept,
        "is_near": found.is_near,
        "people": Paginator(found.professionals, PER_PAGE).get_page(request.GET.get("page")),
        "query": f"{urlencode(kept)}&" if kept else "",
        "may_edit": rules.can_edit_directory(request.actor, request.cpts),
    }
    return render_page(request, "directory/list.html", context)


def _show(request, professional, *, note_form=None, link_form=None, status=200):
    record = queries.record_of(request.cpts, professional)
    may_edit = rules.can_edit_directory(request.actor, request.cpts)
    may_link = rules.can_link_account(request.actor, request.cpts)
    account = queries.account_of(professional) if may_link else None
    if may_edit and note_form is None:
        note_form = NoteForm.of(record)
    if may_link and account is None and link_form is None:
        users = queries.linkable_users(request.cpts)
        link_form = LinkForm(users=users, is_demo=instance.is_demo())
    context = {
        "professional": professional,
        "places": professional.places.filter(closed_on=None).select_related("commune"),
        "languages": list(professional.languages.all()),
        "record": record,
        "may_edit": may_edit,
        "may_link": may_link,
        "account": account,
        "locum": queries.replacement_of(professional, timezone.localdate()),
        "may_name_locum": may_edit and record.left_on is None,
        "note_form": note_form,
        "link_form": link_form,
    }
    return render_page(request, "directory/detail.html", context, status=status)


@page(Permission.DIRECTORY_VIEW, of=Professional)
def detail(request, professional):
    """One professional: the national record, and what this CPTS alone knows of them."""
    return _show(request, professional)


@page(Permission.DIRECTORY_EDIT, of=Professional, methods=("POST",))
def note(request, professional):
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            actions.note_professional(
                by=request.actor,
                cpts=request.cpts,
                professional=professional,
                **form.cleaned_data,
            )
        except LostUpdate as error:
            form.keep(error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "La note est enregistrée.")
            return _to_record(request, professional)
    return _show(request, professional, note_form=form, status=422)


@page(Permission.DIRECTORY_EDIT, of=Professional, methods=("POST",))
def remove(request, professional):
    actions.remove_from_cpts(by=request.actor, cpts=request.cpts, professional=professional)
    messages.success(request, f"{professional} n'est plus dans l'annuaire de la CPTS.")
    return redirect("directory:list", cpts=request.cpts.slug)


@page(Permission.DIRECTORY_EDIT, of=Professional, methods=("POST",))
def bring_back(request, professional):
    actions.add_to_cpts(by=request.actor, cpts=request.cpts, professional=professional)
    messages.success(request, f"{professional} est de nouveau dans l'annuaire de la CPTS.")
    return _to_record(request, professional)


@page(Permission.DIRECTORY_EDIT, methods=("GET", "POST"))
def add(request):
    """By name among every national record, or by the RPPS number: a known record is added as it is,
    an unknown one is written."""
    form = AddForm(request.POST or None)
    if form.is_valid():
        rpps = form.cleaned_data["rpps"]
        known = queries.professional_of_rpps(rpps)
        if known is None:
            address = reverse("directory:create", kwargs={"cpts": request.cpts.slug})
            return redirect(f"{address}?{urlencode({'rpps': rpps})}")
        try:
            actions.add_to_cpts(by=request.actor, cpts=request.cpts, professional=known)
        except DomainError as error:
            messages.info(request, str(error))
        else:
            messages.success(request, f"{known} est dans l'annuaire de la CPTS.")
        return _to_record(request, known)
    search = NationalSearchForm(request.GET or None, communes_named=queries.communes_named)
    asked = search.cleaned_data if search.is_valid() else {}
    found = None
    if asked.get("q"):
        found = queries.national_search(
            request.cpts,
            asked["q"],
            profession=asked["profession"],
            communes=asked["commune"],
        )
    context = {"form": form, "search": search, "found": found}
    return render_page(request, "directory/add.html", context, status=422 if form.is_bound else 200)


@page(Permission.DIRECTORY_EDIT, methods=("GET", "POST"))
def create(request):
    """A professional no national record knows yet."""
    communes = Commune.objects.in_cpts(request.cpts, timezone.localdate())
    initial = {"rpps": request.GET.get("rpps", "")[:11]}
    form = ProfessionalForm(request.POST or None, communes=communes, initial=initial)
    if form.is_valid():
        try:
            professional = actions.record_new_in_cpts(
                by=request.actor, cpts=request.cpts, row=form.row()
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{professional} est dans l'annuaire de la CPTS.")
            return _to_record(request, professional)
    return render_page(
        request, "directory/create.html", {"form": form}, status=422 if form.is_bound else 200
    )


@page(Permission.SEATS_MANAGE, of=Professional, methods=("POST",))
def link(request, professional):
    """Say whose account this record is, once their identity was checked."""
    users = queries.linkable_users(request.cpts)
    form = LinkForm(request.POST, users=users, is_demo=instance.is_demo())
    if form.is_valid():
        try:
            actions.link_account(by=request.actor, professional=professional, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Le compte est relié à cette fiche.")
            return _to_record(request, professional)
    return _show(request, professional, link_form=form, status=422)


@page(Permission.SEATS_MANAGE, of=Professional, methods=("POST",))
def end_link(request, professional):
    account = queries.account_of(professional)
    if account is not None:
        actions.end_account_link(by=request.actor, link=account)
        messages.success(request, "Le compte n'est plus relié à cette fiche.")
    return _to_record(request, professional)
