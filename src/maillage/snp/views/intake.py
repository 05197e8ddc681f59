"""The page of a call: signs first, likely doubles before a new record."""

import datetime as dt
import uuid

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel import pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import is_insee
from maillage.kernel.pages import page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.kernel.prepared import Prepared
from maillage.residents import queries as residents
from maillage.residents.models import Resident
from maillage.snp import actions, queries
from maillage.snp.forms import NONE_OF_THESE, CareRequestForm
from maillage.snp.models import DeskSettings, Ring
from maillage.snp.queries.ladder import standby
from maillage.snp.views.desk import PURPOSE, id_of, on_board
from maillage.territory.models import Commune, Cpts

FORM_FIELDS = (
    *("form_key", "phone", "out_of_hours_seen", "channel", "profession", "reason", "note"),
    *("age_band", "caller_name", "sms_allowed", "can_travel", "kind", "agreement_from"),
    *("agreement_scope", "agreement_means", "information"),
    *("family_name", "given_name", "birth_date", "double_checked", "sas_regulated"),
)


def doctors_of(request, only: str | None = None) -> list[tuple[str, str]]:
    """Doctors of the directory, to choose from; `only`: the one a form sent names, if it is one."""
    if only is not None and not id_of(only):
        return []
    found = Professional.objects.in_cpts(request.cpts.pk, timezone.localdate()).filter(
        profession=Profession.DOCTOR
    )
    if only is not None:
        found = found.filter(pk=id_of(only))
    columns = ("family_name", "given_name", "profession", "speciality")
    return [(str(each.pk), str(each)) for each in found.order_by(*columns[:2], "pk").only(*columns)]


def intake_form(request, flags, doubles, directory: int) -> CareRequestForm:
    choices = queries.call_choices(request.cpts, timezone.localdate(), directory)
    return CareRequestForm(
        request.POST or None,
        initial={"form_key": str(uuid.uuid4()), "can_travel": True, "channel": "patient"},
        flags=flags.flags.all() if flags else [],
        communes=choices.communes,
        # A form sent and accepted is not shown again: the whole list is for those that are.
        doctors=doctors_of(request, request.POST.get("usual_doctor", ""))
        if request.method == "POST"
        else doctors_of(request),
        doubles=doubles,
        rings=choices.rings,
        has_notice=queries.has_notice(request.cpts, directory),
    )


@page(Permission.SNP_DESK, methods=("GET", "POST"))
def new(request):
    *_, directory = pulse.counters(request.cpts.pk)
    flags = queries.red_flags(request.cpts, directory=directory)
    doubles, calls = [], []
    if request.method == "POST":
        given = {name: request.POST.get(name, "") for name in ("phone", "commune")}
        doubles = likely_doubles(request, **given)
    form = intake_form(request, flags, doubles, directory)
    asked = "resident" in request.POST or not doubles
    if request.method == "POST" and form.is_valid() and (asked or form.red_flag):
        try:
            care_request = actions.create_care_request(
                by=request.actor, cpts=request.cpts, intake=intake_of(request, form)
            )
        except NotAllowed:
            raise
        except actions.SameCall as error:
            calls = error.doubles
        except DomainError as error:
            _say(form, error)
        else:
            return on_board(request, care_request)
    if request.method == "POST":
        form.choose_doctors(doctors_of(request))
    settings = queries.settings_of(request.cpts)
    is_open = queries.desk_is_open(request.cpts)
    read(
        request,
        "snp.new",
        [each.pk for each in doubles] + [each.resident_id for each in calls],
        purpose=PURPOSE,
    )
    return render_page(
        request,
        "snp/new.html",
        {
            "form": form,
            "flags": flags,
            "desk_is_open": is_open,
            "desk_hours": queries.desk_text(settings),
            **({} if is_open else closed_words(request.cpts, settings)),
            "doubles": doubles,
            "ask_doubles": bool(doubles),
            "calls": calls,
        },
        status=422 if request.method == "POST" else 200,
    )


def _say(form: CareRequestForm, error: DomainError) -> None:
    form.add_error(None, str(error))
    if isinstance(error, actions.FormUsed):
        form.data = form.data.copy()
        form.data["form_key"] = str(uuid.uuid4())


def closed_words(cpts: Cpts, settings: DeskSettings) -> dict:
    """What to say and who will answer while the desk is closed."""
    return {
        "is_pdsa": queries.is_pdsa(cpts),
        "out_of_hours": settings,
        "standby": standby(cpts, timezone.now()),
    }


def likely_doubles(request, *, phone: str, commune: str) -> list[Resident]:
    """Residents who may be the patient typed in: same phone, or name and birth date or commune."""
    data = request.POST
    if not data.get("family_name", "").strip() or data.get("sign", NONE_OF_THESE) != NONE_OF_THESE:
        return []
    return list(
        residents.find(
            request.actor,
            request.cpts,
            phone=phone,
            family_name=data["family_name"],
            given_name=data.get("given_name", ""),
            birth_date=parse_date_or_none(data.get("birth_date", "")),
            commune=Commune.objects.filter(pk=commune).first() if is_insee(commune) else None,
        )
    )


def parse_date_or_none(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


_communes = Prepared(lambda pk: Commune.objects.filter(pk=pk), pk=str)


def intake_of(request, form: CareRequestForm) -> actions.Intake:
    data = form.cleaned_data
    resident = None
    if data.get("resident"):
        resident = get_object_or_404(
            Resident.objects.visible_to(request.actor), pk=data["resident"]
        )
    doctor = None
    if data["usual_doctor"]:
        doctor = get_object_or_404(
            Professional.objects.visible_to(request.actor), pk=data["usual_doctor"]
        )
    ring = None
    if data.get("ring"):
        ring = get_object_or_404(Ring.objects.visible_to(request.actor), pk=data["ring"])
    return actions.Intake(
        commune=_communes(pk=data["commune"])[0],
        red_flag=form.red_flag,
        resident=resident,
        is_sure="resident" in request.POST,
        usual_doctor=doctor,
        ring=ring,
        **{name: data[name] for name in FORM_FIELDS},
    )
