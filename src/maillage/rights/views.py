import json
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from maillage.kernel.errors import DomainError
from maillage.kernel.identity import PersonSearchForm
from maillage.kernel.pages import Access, page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import RetentionClass
from maillage.residents import queries as residents
from maillage.residents.models import Resident
from maillage.rights import actions, queries
from maillage.rights.enums import DONE, ENDS, Step
from maillage.rights.forms import DurationForm, ErasureForm

PURPOSE = "droits de la personne"


def _read(request, name, people):
    read(request, name, [each.pk for each in people], purpose=PURPOSE)


@page(Permission.RIGHTS, methods=("GET", "POST"))
def search(request):
    """Whose rights: the criteria are posted, no name in an address."""
    form = PersonSearchForm(
        request.POST or None, communes_named=partial(residents.communes_named, request.cpts)
    )
    found = None
    if form.is_valid():
        found = residents.find(request.actor, request.cpts, **form.cleaned_data)
        _read(request, "rights.search", found)
    status = 422 if form.is_bound and found is None else 200
    communes = residents.suggested_communes(request.cpts)
    context = {"form": form, "found": found, "communes": communes}
    return render_page(request, "rights/search.html", context, status=status)


def _show(request, resident, form, *, status=200):
    _read(request, "rights.held", [resident])
    context = {
        "resident": resident,
        "answer": queries.answer_about(request.actor, request.cpts, resident),
        "form": form,
    }
    return render_page(request, "rights/held.html", context, status=status)


@page(Permission.RIGHTS, of=Resident)
def held(request, resident):
    """Everything held on one resident, printable; and the button that erases them."""
    return _show(request, resident, ErasureForm(requests=queries.same_number(resident)))


@page(Permission.RIGHTS, of=Resident)
def held_file(request, resident):
    """The same, as a file to hand over."""
    _read(request, "rights.export", [resident])
    answer = queries.answer_about(request.actor, request.cpts, resident)
    return _file(answer, f"donnees-habitant-{resident.pk}.json")


def _file(answer, name):
    response = HttpResponse(
        json.dumps(answer, ensure_ascii=False, indent=1),
        content_type="application/json; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@page(Permission.RIGHTS, of=Resident, methods=("POST",))
def erase(request, resident):
    same = queries.same_number(resident)
    form = ErasureForm(request.POST, requests=same)
    if form.is_valid():
        chosen = set(form.cleaned_data.get("also", ()))
        try:
            actions.erase_resident(
                by=request.actor,
                resident=resident,
                reason=form.cleaned_data["reason"],
                also=[each for each in same if str(each.pk) in chosen],
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"L'habitant n° {resident.pk} est effacé.")
            return redirect("rights:search", cpts=request.cpts.slug)
    return _show(request, resident, form, status=422)


@page(Permission.RETENTION_EDIT, methods=("GET", "POST"))
def durations(request):
    """How long each class is kept, who decided, what was before; and a new decision."""
    today = timezone.localdate()
    form = DurationForm(request.POST or None, initial={"valid_from": today})
    if form.is_valid():
        data = dict(form.cleaned_data)
        kind, step = data.pop("what").split(":")
        try:
            actions.set_duration(by=request.actor, cpts=request.cpts, kind=kind, step=step, **data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "La durée est enregistrée.")
            return redirect("rights:durations", cpts=request.cpts.slug)
    rules = queries.rules_in_force(request.cpts, today)
    context = {
        "form": form,
        "rows": [
            (RetentionClass(kind), Step(step), what, ENDS[kind], rules.get((kind, step)))
            for (kind, step), what in DONE.items()
        ],
        "history": queries.history_of(request.cpts),
    }
    return render_page(
        request, "rights/durations.html", context, status=422 if form.is_bound else 200
    )


@page(Access.SIGNED_IN)
def own(request):
    """What is held on whoever is signed in, as a file."""
    return _file(queries.answer_about_user(request.user), "mes-donnees.json")
