"""Structures of the CPTS: the list, one structure, its contacts by service, who works there."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.utils import timezone

from maillage.directory import actions, queries, rules
from maillage.directory.enums import SERVICES
from maillage.directory.forms import ContactForm, MemberForm, NoteForm, StructureSearchForm
from maillage.directory.models import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureKind,
    StructureMember,
)
from maillage.kernel.errors import DomainError, LostUpdate
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.territory.models import Commune

PER_PAGE = 50


def _to_sheet(request, record_id):
    return redirect("directory:structure", cpts=request.cpts.slug, pk=record_id)


def _asked(form):
    asked = form.cleaned_data if form.is_valid() else {}
    return {name: value for name, value in asked.items() if value}


@page(Permission.DIRECTORY_VIEW)
def structures(request):
    """The structures of the CPTS, with how to reach them today."""
    form = StructureSearchForm(
        request.GET,
        kinds=queries.structure_kinds_of(request.cpts),
        communes=queries.structure_communes_of(request.cpts),
    )
    asked = _asked(form)
    found = queries.structures_of(
        request.cpts,
        asked.get("q", ""),
        kind=asked.get("kind", ""),
        commune=asked.get("commune", ""),
    )
    context = {
        "form": form,
        "asked": asked,
        "records": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "query": f"{urlencode(asked)}&" if asked else "",
        "may_edit": rules.can_edit_directory(request.actor, request.cpts),
    }
    return render_page(request, "directory/structures.html", context)


@page(Permission.DIRECTORY_EDIT, methods=("GET", "POST"))
def structure_add(request):
    """Take a structure of the national list into that of the CPTS."""
    if request.method == "POST":
        wanted = request.POST.get("structure", "")[:9]
        structure = Structure.objects.visible_to(request.actor).filter(pk=wanted).first()
        if structure is None:
            raise actions.StructureRefused("Choisissez une structure de la liste nationale.")
        record = actions.add_structure(by=request.actor, cpts=request.cpts, structure=structure)
        messages.success(request, f"{structure} est dans la liste de la CPTS.")
        return _to_sheet(request, record.pk)
    form = StructureSearchForm(
        request.GET,
        kinds=StructureKind.objects.none(),
        communes=Commune.objects.in_cpts(request.cpts, timezone.localdate()),
    )
    del form.fields["kind"]
    asked = _asked(form)
    found = queries.addable_structures(
        request.cpts, asked.get("q", ""), commune=asked.get("commune", "")
    )
    context = {
        "form": form,
        "asked": asked,
        "structures": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "query": f"{urlencode(asked)}&" if asked else "",
    }
    return render_page(request, "directory/structure_add.html", context)


def _show(request, record, *, status=200, **bound):
    """The sheet; `bound` holds the form that was refused, by its name."""
    today = timezone.localdate()
    may_edit = rules.can_edit_directory(request.actor, request.cpts)
    sheet = queries.structure_sheet(record, today)
    forms = {"note_form": None, "contact_form": None, "member_form": None}
    if may_edit:
        forms["note_form"] = NoteForm.of(sheet.record)
        forms["contact_form"] = ContactForm()
        forms["member_form"] = MemberForm(seats=queries.seats_to_add(record, today))
    context = {
        "sheet": sheet,
        "record": sheet.record,
        "structure": sheet.record.structure,
        "is_listed": sheet.record.until_on is None or sheet.record.until_on > today,
        "may_edit": may_edit,
        "services": SERVICES,
        "today": today,
    }
    return render_page(request, "directory/structure.html", context | forms | bound, status=status)


def _try(request, record, form, name, act, said):
    """One act from a form of the sheet: back to the sheet, or its form with what is wrong."""
    if form.is_valid():
        try:
            act(by=request.actor, **form.cleaned_data)
        except LostUpdate as error:
            form.keep(error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, said)
            return _to_sheet(request, record.pk)
    return _show(request, record, status=422, **{name: form})


@page(Permission.DIRECTORY_VIEW, of=CptsStructure)
def structure(request, record):
    """One structure: the national record, what this CPTS knows of it, its people here."""
    return _show(request, record)


@page(Permission.DIRECTORY_EDIT, of=CptsStructure, methods=("POST",))
def structure_note(request, record):
    def act(**words):
        return actions.note_structure(record=record, **words)

    form = NoteForm(request.POST)
    return _try(request, record, form, "note_form", act, "La note est enregistrée.")


@page(Permission.DIRECTORY_EDIT, of=CptsStructure, methods=("POST",))
def structure_remove(request, record):
    record = actions.remove_structure(by=request.actor, record=record)
    messages.success(request, f"{record.structure} n'est plus dans la liste de la CPTS.")
    return redirect("directory:structures", cpts=request.cpts.slug)


@page(Permission.DIRECTORY_EDIT, of=CptsStructure, methods=("POST",))
def structure_return(request, record):
    actions.add_structure(by=request.actor, cpts=request.cpts, structure=record.structure)
    messages.success(request, f"{record.structure} est de nouveau dans la liste de la CPTS.")
    return _to_sheet(request, record.pk)


@page(Permission.DIRECTORY_EDIT, of=CptsStructure, methods=("POST",))
def contact_add(request, record):
    def act(**words):
        return actions.add_contact(record=record, **words)

    form = ContactForm(request.POST)
    return _try(request, record, form, "contact_form", act, "Le contact est noté.")


@page(Permission.DIRECTORY_EDIT, of=StructureContact, methods=("GET", "POST"))
def contact_change(request, contact):
    """Other words for a contact: the former stays in the history."""
    words = {name: getattr(contact, name) for name in ("service", "phone", "email")}
    given = request.POST if request.method == "POST" else None
    form = ContactForm(given, initial=words, is_new=False)
    if form.is_valid():
        try:
            actions.change_contact(by=request.actor, contact=contact, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Le contact est changé.")
            return _to_sheet(request, contact.record_id)
    context = {
        "contact": contact,
        "structure": contact.record.structure,
        "form": form,
        "services": SERVICES,
    }
    return render_page(
        request, "directory/contact.html", context, status=422 if form.is_bound else 200
    )


@page(Permission.DIRECTORY_EDIT, of=StructureContact, methods=("POST",))
def contact_check(request, contact):
    actions.check_contact(by=request.actor, contact=contact)
    messages.success(request, "Le contact est vérifié d'aujourd'hui.")
    return _to_sheet(request, contact.record_id)


@page(Permission.DIRECTORY_EDIT, of=StructureContact, methods=("POST",))
def contact_end(request, contact):
    actions.end_contact(by=request.actor, contact=contact)
    messages.success(request, "Le contact n'est plus valable.")
    return _to_sheet(request, contact.record_id)


@page(Permission.DIRECTORY_EDIT, of=CptsStructure, methods=("POST",))
def member_add(request, record):
    def act(**words):
        return actions.add_member(record=record, **words)

    form = MemberForm(request.POST, seats=queries.seats_to_add(record, timezone.localdate()))
    return _try(request, record, form, "member_form", act, "La personne est notée.")


@page(Permission.DIRECTORY_EDIT, of=StructureMember, methods=("POST",))
def member_end(request, member):
    actions.end_member(by=request.actor, member=member)
    messages.success(request, "La personne ne travaille plus pour cette structure.")
    return _to_sheet(request, member.record_id)
