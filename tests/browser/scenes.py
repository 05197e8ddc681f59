"""What a story needs before it begins, written through the actions into the database under VAR.

`Server.scene` runs one of them in a process of its own, beside the server.
"""

import datetime as dt
import json

from django.db.models import Avg
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from maillage.accounts.models import Seat
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.availability.actions import open_once, set_asking
from maillage.availability.actions.opening import BadOpening
from maillage.availability.models import Slot
from maillage.directory.models import ProfessionalAccount
from maillage.medecin_traitant import actions as medecin_traitant
from maillage.medecin_traitant import queries as links
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest
from maillage.snp import actions
from maillage.snp.gateway import proposed_settings
from maillage.snp.models import OnCall
from maillage.territory.models import Commune, Cpts, CptsCommune

MAIN = "centre-saone-et-loire"
MINUTES = ("usual_doctor", "ring", "cpts", "neighbours", "duty")
TONIGHT = dt.timedelta(hours=12)


def people(cpts):

    seats = Seat.objects.filter(cpts=cpts).select_related("user", "cpts").order_by("pk")
    return {role: SeatActor(seats.filter(role=role).first()) for role in
            ("coordinator", "administrator", "dispatcher")}  # fmt: skip


def set_minutes(cpts, by):
    """Circles of one minute, answers awaited one minute, a desk that never closes."""

    changed = {f"{name}_circle_minutes": 1 for name in MINUTES}
    changed |= {"proposal_minutes": 1, "remind_minutes": 1, "escalate_minutes": 1}
    # Distance does not count here: the CPTSs of the demonstration are far from one another.
    changed |= {"live_proposals_max": 3, "max_travel_minutes": 600, "weight_travel": 0}
    actions.set_desk(
        by=by,
        cpts=cpts,
        values=proposed_settings().values | changed,
        hours=[(day, 0, 1440) for day in range(8)],
        source="Essai : cercles d'une minute",
    )


def willing(cpts, count, but=()):
    """General practitioners with a slot to ask for, tomorrow."""

    now = timezone.now()
    found = {}
    for slot in (
        Slot.objects.given_to(cpts)
        .filter(
            professional__profession="10",
            professional__speciality="SM54",
            mode="on_agreement",
            closed_at=None,
            starts_at__gt=now + dt.timedelta(hours=3),
            starts_at__lt=now + dt.timedelta(hours=40),
        )
        .with_places_left()
        .filter(places_left__gt=0)
        .select_related("professional")
        .order_by("professional", "starts_at")
    ):
        found.setdefault(slot.professional_id, slot.professional)
    return [each for pk, each in found.items() if pk not in but][:count]


def opens_soon(cpts, but=()):
    """A general practitioner, and an hour of slots to ask for that they open half an hour from now:
    they come among the first."""
    starts_at = timezone.now().replace(second=0, microsecond=0) + dt.timedelta(minutes=30)
    for doctor in willing(cpts, 30, but):
        try:
            open_once(
                by=SYSTEM,
                professional=doctor,
                place=doctor.places.get(is_main=True),
                starts_at=starts_at,
                ends_at=starts_at + dt.timedelta(hours=1),
                slot_minutes=20,
            )
        except BadOpening:  # they see patients then already
            continue
        return doctor
    raise LookupError("no doctor is free in half an hour")


def nearest(cpts):
    """Another CPTS of the demonstration, the nearest."""

    rows = CptsCommune.objects.values("cpts").annotate(
        x=Avg("commune__longitude"), y=Avg("commune__latitude")
    )
    centres = {row["cpts"]: (row["x"], row["y"]) for row in rows}
    x, y = centres.pop(cpts.pk)
    order = sorted(centres, key=lambda pk: (centres[pk][0] - x) ** 2 + (centres[pk][1] - y) ** 2)
    return Cpts.objects.get(pk=order[0])


def climb():
    """Everybody a request may climb to, and the settings that make it climb."""

    cpts = Cpts.objects.get(slug=MAIN)
    with scopes_disabled():
        other = nearest(cpts)
    with scope(cpts=other):
        lent = opens_soon(other)
        there = people(other)["coordinator"] or people(other)["administrator"]
        set_asking(
            by=SYSTEM,
            professional=lent,
            weekly_cap=None,
            quiet_from_minute=None,
            quiet_to_minute=None,
            for_neighbours=True,
        )
    with scope(cpts=cpts):
        here = people(cpts)
        set_minutes(cpts, here["coordinator"])
        usual, ringed = willing(cpts, 2)
        member = opens_soon(cpts, but={usual.pk, ringed.pk})
        ring = actions.create_ring(
            by=here["coordinator"], cpts=cpts, name="Garde du centre", profession="10"
        )
        actions.add_to_ring(by=here["coordinator"], ring=ring, professional=ringed)
        duty = here["dispatcher"].seat
        now = timezone.now()
        OnCall.objects.filter(cpts=cpts).delete()  # the demonstration has its own roster
        actions.set_on_call(
            by=here["coordinator"],
            cpts=cpts,
            seat=duty,
            starts_at=now - dt.timedelta(hours=1),
            ends_at=now + TONIGHT,
        )
        agreement = actions.propose_agreement(
            by=here["coordinator"], cpts=cpts, other=other, professions=["10"]
        )
    with scope(cpts=other):
        actions.sign_agreement(by=there, agreement=agreement)
    return {
        "usual": usual.pk,
        "ringed": ringed.pk,
        "member": member.pk,
        "lent": lent.pk,
        "partner": other.name,
        "ring": ring.pk,
        "duty": {"name": str(duty.user), "mail": duty.user.email},
        "coordinator": here["coordinator"].seat.user.email,
    }


def absence():
    """A doctor with an account and four patients in the coming hours, who all know their hour."""

    cpts = Cpts.objects.get(slug=MAIN)
    with scope(cpts=cpts):
        here = people(cpts)
        set_minutes(cpts, here["coordinator"])
        desk = here["dispatcher"]
        accounts = ProfessionalAccount.objects.filter(
            user__seats__cpts=cpts, professional__profession="10", ended_on=None
        ).select_related("professional", "user")
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        for hours, account in [(h, each) for h in range(2, 10) for each in accounts]:
            doctor, starts_at = account.professional, now + dt.timedelta(hours=hours)
            try:
                opening = open_once(
                    by=SYSTEM,
                    professional=doctor,
                    place=doctor.places.get(is_main=True),
                    starts_at=starts_at,
                    ends_at=starts_at + dt.timedelta(minutes=80),
                    slot_minutes=20,
                )
            except BadOpening:
                continue
            break
        slots = Slot.objects.filter(opening=opening).select_related("place__commune")
        requests = []
        for number, slot in enumerate(slots.order_by("starts_at")):
            has_mobile = number % 2 == 0
            care_request = actions.create_care_request(
                by=desk,
                cpts=cpts,
                intake=actions.Intake(
                    form_key=f"absence-{number}",
                    phone=f"06399871{number:02}" if has_mobile else f"03530171{number:02}",
                    commune=Commune.objects.get(pk="71306"),
                    reason="back_pain",
                    age_band="16-69",
                    sms_allowed=has_mobile,
                    double_checked=True,
                ),
            )
            while care_request.circle != "cpts":
                care_request = actions.widen(by=desk, care_request=care_request)
            proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
            actions.accept_proposal(by=desk, proposal=proposal)
            actions.inform_patient(
                by=desk, care_request=care_request, means="phone", result="reached"
            )
            requests.append({"id": care_request.pk, "has_mobile": has_mobile})
    return {
        "doctor": {"id": doctor.pk, "name": str(doctor), "mail": account.user.email},
        "requests": requests,
        "starts_at": timezone.localtime(starts_at).isoformat(),
        "ends_at": timezone.localtime(opening.ends_at).isoformat(),
    }


def doctor_links():
    """The three signed links of the search for a médecin traitant, as their messages give them, and
    the proposal that the third one answers."""
    cpts = Cpts.objects.get(slug=MAIN)
    with scope(cpts=cpts):
        medecin_traitant.ask_doctors(by=people(cpts)["coordinator"], cpts=cpts)
        waits = DoctorRequest.objects.earliest("waits_since")
        asked = DoctorOffer.objects.filter(answered_at=None).earliest("pk")
        sent = Attribution.objects.filter(state="sent").earliest("pk")
    return {
        "SUIVI": links.link_to_request(waits),
        "OFFRE": links.link_to_offer(asked),
        "REPONSE": links.link_to_attribution(sent),
        "PROPOSEE": str(sent.pk),
    }


def write(name):
    """Prepare one of them and print what it made."""
    scenes = {"climb": climb, "absence": absence, "doctor_links": doctor_links}
    print(json.dumps(scenes[name]()))
