"""The desk: who waits, one request, a new one. The coordination reads without a name."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import urlencode

from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.enums import OPEN, TO_CALL, DoctorRequestState
from maillage.medecin_traitant.forms import (
    NEW_RECORD,
    CallForm,
    CorrectionForm,
    FiltersForm,
    IntakeForm,
    RefusalForm,
    WishForm,
    WithdrawForm,
)
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_propose, can_see_health, can_see_identity
from maillage.residents import queries as residents
from maillage.residents.actions import LikelyDouble
from maillage.residents.models import Resident
from maillage.residents.rules import covers
from maillage.territory import queries as territory
from maillage.territory.models import Commune

DESK, COORDINATE = Permission.MT_DESK, Permission.MT_COORDINATE
PURPOSE = "recherche de médecin traitant"
ROWS_PER_PAGE = 50
COPIED = (
    *("form_key", "family_name", "given_name", "birth_date", "phone", "household_size"),
    *("can_travel", "travel_minutes_max", "sms_allowed"),
)
ASKED = (
    *("channel", "email", "ald", "c2s", "language", "last_doctor", "note"),
    *("agreement_from", "agreement_means", "information"),
)
CLOSED = [
    (TO_CALL, "closes, appel à faire"),
    *((each.value, each.label.lower()) for each in DoctorRequestState if each not in OPEN),
]


def communes_of(cpts) -> list[tuple[str, str]]:
    return territory.commune_choices(cpts, timezone.localdate())


@page(DESK, COORDINATE)
def waiting(request):
    """Who waits, by class, commune and wait."""
    names = can_see_identity(request.actor, request.cpts)
    now = timezone.now()
    form = FiltersForm(request.GET, communes=communes_of(request.cpts), states=CLOSED)
    form.is_valid()  # what is not in a list narrows nothing
    said = form.cleaned_data
    filters = queries.Filters(
        rank=int(said["priorite"]) if said.get("priorite") else None,
        commune=said.get("commune", ""),
        waits_days=int(said.get("attente") or 0),
        state=said.get("etat", ""),
    )
    lines = queries.waiting_of(request.cpts, queries.rules_of(request.cpts), filters, now=now)
    shown = Paginator(lines, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    if names:
        read(
            request,
            "medecin_traitant.waiting",
            [each.doctor_request.resident_id for each in shown],
            purpose=PURPOSE,
        )
    settings = queries.last_settings(request.cpts, now)
    context = {
        "lines": shown,
        "form": form,
        "names": names,
        "is_set": settings is not None,
        "to_call": DoctorRequest.objects.visible_to(request.actor).to_call().count(),
        "to_call_query": urlencode({"etat": TO_CALL}),
        "loads_lists": names and settings is not None and settings.cpam_basis != "",
        "query": f"{urlencode({name: said[name] for name in said if said[name]})}&",
    }
    return render_page(request, "medecin_traitant/waiting.html", context)


@page(DESK, COORDINATE, of=DoctorRequest)
def request(request, doctor_request):
    """One request, its history; what resembles it."""
    return _show(request, doctor_request)


def _show(request, doctor_request, *, form=None, status=200):
    """`form`: the call, the correction, the wish or the withdrawal that was refused."""
    names = can_see_identity(request.actor, request.cpts)
    settings = queries.settings_of(request.cpts)
    alike = queries.alike(request.actor, doctor_request) if names else []
    if names:
        shown = [doctor_request.resident_id, *(each.resident_id for each in alike)]
        read(request, "medecin_traitant.request", shown, purpose=PURPOSE)
    today = timezone.localdate()
    health = can_see_health(request.actor, request.cpts, settings)
    rank, rule = queries.priority_of(doctor_request, queries.rules_of(request.cpts), today)
    corrected = CorrectionForm(communes=communes_of(request.cpts))
    context = {
        "doctor_request": doctor_request,
        "names": names,
        "health": health,
        "settings": settings,
        "age": queries.age_on(doctor_request.resident.birth_date, today),
        "rank": rank,
        "rule": rule if health else None,
        "events": doctor_request.events.select_related("by_seat__user"),
        "members": doctor_request.members.order_by("number"),
        "alike": alike,
        "is_open": doctor_request.state in OPEN,
        "is_followed": doctor_request.state in OPEN or doctor_request.alert != "",
        "attributions": doctor_request.attributions.select_related("professional"),
        "candidates": _candidates(request, doctor_request, settings, today),
        "live": doctor_request.attributions.live().select_related("professional").first(),
        "refusal_form": RefusalForm(),
        "wishes": doctor_request.wishes.select_related("professional"),
        "wish_form": form if isinstance(form, WishForm) else _wish_form(request),
        "may_merge": doctor_request.state == DoctorRequestState.WAITING,
        "form": form if isinstance(form, CorrectionForm) else corrected,
        "call_form": form if isinstance(form, CallForm) else _call_form(request),
        "agreed": covers(doctor_request.agreement),
        "withdraw_form": form if isinstance(form, WithdrawForm) else WithdrawForm(),
    }
    return render_page(request, "medecin_traitant/request.html", context, status=status)


def _candidates(request, doctor_request, settings, today):
    """Doctors the coordination may propose, while nobody is asked."""
    waits = doctor_request.state == DoctorRequestState.WAITING
    if not waits or not can_propose(request.actor, request.cpts):
        return []
    return queries.candidates_for(doctor_request, settings, today)


def _to(request, doctor_request):
    return redirect("medecin_traitant:request", cpts=request.cpts.slug, pk=doctor_request.pk)


def _say(request, call, thanks: str) -> None:
    try:
        call()
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, thanks)


# A new request


def _doubles(request):
    """Records that look like what was typed, before one more is written."""
    form = IntakeForm(
        request.POST, communes=communes_of(request.cpts), settings=queries.settings_of(request.cpts)
    )
    form.is_valid()
    said = form.cleaned_data
    return residents.find(
        request.actor,
        request.cpts,
        phone=said.get("phone", ""),
        family_name=said.get("family_name", ""),
        given_name=said.get("given_name", ""),
        birth_date=said.get("birth_date"),
        commune=Commune.objects.filter(pk=said.get("commune", "")).first(),
    )


@page(DESK, methods=("GET", "POST"))
def new(request):
    """Under three minutes on a phone: who, where, how many, able to travel."""
    settings = queries.last_settings(request.cpts)
    if settings is None:
        return render_page(request, "medecin_traitant/not_set.html")
    doubles = _doubles(request) if request.method == "POST" else []
    first = _household(request)
    form = IntakeForm(
        request.POST or None,
        communes=communes_of(request.cpts),
        settings=settings,
        doubles=doubles,
        notice=residents.notice_of(request.cpts),
        initial=_initial(first),
    )
    asked = "resident" in request.POST or not doubles
    if form.is_valid() and asked:
        try:
            made = actions.record_request(
                by=request.actor, cpts=request.cpts, intake=_intake(request, form, first)
            )
        except NotAllowed:
            raise
        except LikelyDouble as error:
            doubles = error.residents
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Demande n° {made.number} enregistrée. Code : {made.code}")
            return _to(request, made)
    read(request, "medecin_traitant.new", [each.pk for each in doubles], purpose=PURPOSE)
    context = {"form": form, "ask_doubles": "resident" in form.fields, "first": first}
    status = 422 if request.method == "POST" else 200
    return render_page(request, "medecin_traitant/new.html", context, status=status)


def _household(request) -> DoctorRequest | None:
    """The request whose household the new one is of."""
    wanted = request.GET.get("foyer", "")
    if not wanted.isdecimal() or len(wanted) > 18:
        return None
    found = DoctorRequest.objects.visible_to(request.actor).open()
    return found.filter(pk=wanted).select_related("resident").first()


def _initial(first: DoctorRequest | None) -> dict:
    initial = {"form_key": str(uuid.uuid4()), "channel": "phone"}
    if first is not None:
        initial |= {
            "channel": first.channel,
            "phone": first.resident.phone,
            "commune": first.commune_id,
            "household_size": first.household_size,
        }
    return initial


def _intake(request, form, first) -> actions.Intake:
    said = form.cleaned_data
    chosen = said.get("resident", "")
    resident = None
    if chosen and chosen != NEW_RECORD:
        resident = get_object_or_404(Resident.objects.visible_to(request.actor), pk=chosen)
    head = first if first is None or first.household is None else first.household
    return actions.Intake(
        commune=Commune.objects.get(pk=said["commune"]),
        resident=resident,
        is_sure="resident" in request.POST,
        household=head,
        **{name: said[name] for name in COPIED},
        **{name: said[name] for name in ASKED if name in said},
    )


# What the desk does


def _call_form(request, data=None) -> CallForm:
    return CallForm(data, notice=residents.notice_of(request.cpts))


@page(DESK, of=DoctorRequest, methods=("POST",))
def call(request, doctor_request):
    """The resident was called: told, and perhaps agreed."""
    form = _call_form(request, request.POST)
    if not form.is_valid():
        return _show(request, doctor_request, form=form, status=422)
    said = dict(form.cleaned_data)
    is_reached = said.pop("result") == "reached"
    _say(
        request,
        lambda: actions.record_call(
            by=request.actor, doctor_request=doctor_request, is_reached=is_reached, **said
        ),
        "L'appel est noté.",
    )
    return _to(request, doctor_request)


@page(DESK, of=DoctorRequest, methods=("POST",))
def correct(request, doctor_request):
    form = CorrectionForm(request.POST, communes=communes_of(request.cpts))
    if form.is_valid():
        given = corrections(form)
        _say(
            request,
            lambda: actions.correct(by=request.actor, doctor_request=doctor_request, **given),
            "C'est corrigé.",
        )
        return _to(request, doctor_request)
    return _show(request, doctor_request, form=form, status=422)


def corrections(form: CorrectionForm) -> dict:
    said = form.cleaned_data
    return said | {"commune": Commune.objects.filter(pk=said["commune"] or "").first()}


def _wish_form(request, data=None) -> WishForm:
    return WishForm(data, doctors=queries.doctors_of(request.cpts, timezone.localdate()))


@page(DESK, of=DoctorRequest, methods=("POST",))
def wish(request, doctor_request):
    """A doctor the person wants, or does not want."""
    form = _wish_form(request, request.POST)
    if form.is_valid():
        said = form.cleaned_data
        _say(
            request,
            lambda: actions.record_wish(by=request.actor, doctor_request=doctor_request, **said),
            "Le souhait est noté.",
        )
        return _to(request, doctor_request)
    return _show(request, doctor_request, form=form, status=422)


@page(DESK, of=DoctorRequest, methods=("POST",))
def wish_remove(request, doctor_request):
    """One of those the page shows."""
    wanted = request.POST.get("wish", "")
    held = next((each for each in doctor_request.wishes.all() if str(each.pk) == wanted), None)
    if held is None:
        messages.error(request, "Ce souhait n'est plus là.")
        return _to(request, doctor_request)
    _say(
        request,
        lambda: actions.remove_wish(
            by=request.actor, doctor_request=doctor_request, professional=held.professional
        ),
        "Le souhait est retiré.",
    )
    return _to(request, doctor_request)


@page(DESK, of=DoctorRequest, methods=("POST",))
def withdraw(request, doctor_request):
    form = WithdrawForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        _say(
            request,
            lambda: actions.withdraw(
                by=request.actor, doctor_request=doctor_request, reason=reason
            ),
            "La demande est retirée.",
        )
        return _to(request, doctor_request)
    return _show(request, doctor_request, form=form, status=422)


@page(DESK, of=DoctorRequest, methods=("POST",))
def found(request, doctor_request):
    _say(
        request,
        lambda: actions.found_elsewhere(by=request.actor, doctor_request=doctor_request),
        "C'est noté : un médecin est trouvé.",
    )
    return _to(request, doctor_request)


@page(DESK, of=DoctorRequest, methods=("POST",))
def merge(request, doctor_request):
    """Into another open request that resembles this one, chosen on its page."""
    wanted = request.POST.get("into", "")
    others = queries.alike(request.actor, doctor_request)
    into = next((each for each in others if str(each.pk) == wanted), None)
    if into is None:
        messages.error(request, "Choisissez une des demandes ressemblantes.")
        return _to(request, doctor_request)
    _say(
        request,
        lambda: actions.merge(by=request.actor, doctor_request=doctor_request, into=into),
        f"Fusionnée : la suite se passe dans la demande n° {into.number}.",
    )
    return _to(request, doctor_request)


@page(DESK, of=DoctorRequest, methods=("POST",))
def household(request, doctor_request):
    """Somebody of the same household, chosen among the requests that resemble this one."""
    wanted = request.POST.get("with", "")
    others = queries.alike(request.actor, doctor_request)
    other = next((each for each in others if str(each.pk) == wanted), None)
    if other is None:
        messages.error(request, "Choisissez une des demandes ressemblantes.")
        return _to(request, doctor_request)
    _say(
        request,
        lambda: actions.join_household(
            by=request.actor, doctor_request=doctor_request, other=other
        ),
        f"Même foyer que la demande n° {other.number} : un même médecin sera cherché.",
    )
    return _to(request, doctor_request)


@page(DESK, of=DoctorRequest, methods=("POST",))
def unmerge(request, doctor_request):
    _say(
        request,
        lambda: actions.unmerge(by=request.actor, doctor_request=doctor_request),
        "Les deux demandes sont séparées.",
    )
    return _to(request, doctor_request)
