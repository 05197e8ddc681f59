from functools import partial

from django.contrib import messages
from django.shortcuts import redirect

from maillage.directory.models import Professional
from maillage.kernel.errors import DomainError, LostUpdate, NotAllowed, Unchanged
from maillage.kernel.identity import PersonSearchForm
from maillage.kernel.pages import page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.residents import actions, queries
from maillage.residents.forms import NoticeForm, ResidentForm
from maillage.residents.models import Resident

PURPOSE = "régulation SNP"


def _named(request):
    return partial(queries.communes_named, request.cpts)


def _read(request, name, residents):
    read(request, name, [each.pk for each in residents], purpose=PURPOSE)


@page(Permission.RESIDENT_DESK, methods=("GET", "POST"))
def search(request):
    """Look for a resident. The criteria are posted: no name or number in an address."""
    form = PersonSearchForm(request.POST or None, communes_named=_named(request))
    found = None
    if form.is_valid():
        found = list(queries.find(request.actor, request.cpts, **form.cleaned_data))
        _read(request, "residents.search", found)
    context = {
        "form": form,
        "found": found,
        "typed": {name: request.POST.get(name, "") for name in form.fields},
        "communes": queries.suggested_communes(request.cpts),
    }
    status = 422 if form.is_bound and found is None else 200
    return render_page(request, "residents/search.html", context, status=status)


@page(Permission.RESIDENT_DESK, of=Resident)
def detail(request, resident):
    """One resident: who they are here, how to call them back, their usual doctor."""
    _read(request, "residents.detail", [resident])
    context = {
        "resident": resident,
        "agreements": queries.agreements_of(resident),
        "information": queries.information_of(resident),
    }
    return render_page(request, "residents/detail.html", context)


@page(Permission.CPTS_SETTINGS, methods=("GET", "POST"))
def notices(request):
    """The text that tells people what is done with their data: each version with its date."""
    form = NoticeForm(request.POST or None)
    if form.is_valid():
        try:
            notice = actions.set_notice(by=request.actor, cpts=request.cpts, **form.cleaned_data)
        except NotAllowed:
            raise
        except Unchanged as same:
            messages.info(request, str(same))
            return redirect("residents:notices", cpts=request.cpts.slug)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Version {notice.version} enregistrée.")
            return redirect("residents:notices", cpts=request.cpts.slug)
    context = {
        "form": form,
        "in_force": queries.notice_of(request.cpts),
        "notices": queries.notices_of(request.cpts),
    }
    return render_page(
        request, "residents/notices.html", context, status=422 if form.is_bound else 200
    )


def _doctors(request, resident=None):
    doctors = queries.doctors_of(request.cpts)
    if resident is not None and resident.usual_doctor_id is not None:
        doctors |= Professional.objects.filter(pk=resident.usual_doctor_id)
        return doctors.distinct()
    return doctors


def _edit_page(request, form, *, resident=None, doubles=()):
    shown = [*doubles, *([resident] if resident is not None else [])]
    if shown:
        _read(request, "residents.edit" if resident is not None else "residents.create", shown)
    context = {
        "form": form,
        "resident": resident,
        "doubles": doubles,
        "communes": queries.suggested_communes(request.cpts),
    }
    return render_page(
        request, "residents/edit.html", context, status=422 if form.is_bound else 200
    )


@page(Permission.RESIDENT_DESK, methods=("GET", "POST"))
def create(request):
    """Write a resident. Whoever looks like them is shown first, then it is confirmed."""
    doctors = _doctors(request)
    if "prefill" in request.POST:
        form = ResidentForm(
            communes_named=_named(request), doctors=doctors, initial=request.POST.dict()
        )
        return _edit_page(request, form)
    form = ResidentForm(request.POST or None, communes_named=_named(request), doctors=doctors)
    doubles = []
    if form.is_valid():
        try:
            resident = actions.record_resident(
                by=request.actor,
                cpts=request.cpts,
                is_sure="is_sure" in request.POST,
                **form.identity(),
            )
        except actions.LikelyDouble as error:
            doubles = error.residents
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "La fiche est créée.")
            return redirect("residents:detail", cpts=request.cpts.slug, pk=resident.pk)
    return _edit_page(request, form, doubles=doubles)


@page(Permission.RESIDENT_DESK, of=Resident, methods=("GET", "POST"))
def edit(request, resident):
    """Change a resident. A colleague's change made meanwhile is shown beside one's own."""
    doctors = _doctors(request, resident)
    if request.method != "POST":
        values = ResidentForm.values_of(resident)
        form = ResidentForm(communes_named=_named(request), doctors=doctors, initial=values)
        return _edit_page(request, form, resident=resident)
    form = ResidentForm(request.POST, communes_named=_named(request), doctors=doctors)
    if form.is_valid():
        try:
            actions.change_resident(
                by=request.actor,
                resident=resident,
                version=form.cleaned_data["version"],
                **form.identity(),
            )
        except LostUpdate as error:
            form.keep(error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "La fiche est enregistrée.")
            return redirect("residents:detail", cpts=request.cpts.slug, pk=resident.pk)
    return _edit_page(request, form, resident=resident)
