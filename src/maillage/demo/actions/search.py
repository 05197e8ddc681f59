"""People without a médecin traitant, doctors who may take some, one proposal in each state."""

import datetime as dt
from itertools import cycle

from django.db.models import F
from django.utils import timezone

from maillage.demo.actions.ladder import directory_of, seat_of
from maillage.demo.enums import FAMILY_NAMES, GIVEN_NAMES
from maillage.directory.enums import Profession
from maillage.medecin_traitant import actions
from maillage.medecin_traitant.gateway import proposed_settings
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.queries import candidates_for, settings_of
from maillage.territory.models import Commune, Cpts

# Age, days of wait, what is said; the last two within reach of a doctor are proposed to them.
WAITING = (
    (81, 75, {"ald": "yes"}),
    (34, 66, {}),
    (72, 58, {"can_travel": False}),
    (5, 50, {"household_size": 3}),
    (29, 41, {"c2s": "yes"}),
    (45, 33, {"ald": "yes"}),
    (63, 24, {"language": "lsf"}),
    (38, 17, {"travel_minutes_max": 30}),
    (70, 11, {"ald": "yes", "can_travel": False}),
    (19, 6, {}),
    (52, 40, {}),
    (77, 38, {"ald": "yes"}),
)
# Position among the general practitioners, patients a month, home visits, shown to everybody.
OFFERS = ((0, 2, True, False), (1, 3, False, True), (4, 1, True, True), (6, 0, False, False))


def tell_search(cpts: Cpts) -> None:
    """Settings, rules, offers, requests of three months; moments moved back where they must be."""
    coordinator, desk = seat_of(cpts, "coordination"), seat_of(cpts, "regulation2")
    doctors = directory_of(cpts, Profession.DOCTOR, "SM54")
    asked = dict.fromkeys(("asks_ald", "asks_c2s", "asks_language"), True)
    asked |= {"asks_last_doctor": False, "responsible": doctors[0], "cpam_basis": ""}
    actions.set_settings(
        by=coordinator,
        cpts=cpts,
        values=proposed_settings().values | asked,
        source="Démonstration : décision fictive du bureau",
    )
    actions.set_rules(
        by=coordinator,
        cpts=cpts,
        source="Démonstration : décision fictive du bureau",
        rules=[
            actions.Rule("ald", 1),
            actions.Rule("age_from", 2, 70),
            actions.Rule("c2s", 3),
            actions.Rule("waiting_days", 3, 60),
        ],
    )
    for position, per_month, home_visits, is_public in OFFERS:
        offer = actions.Offer(
            per_month=per_month,
            until_on=timezone.localdate() + dt.timedelta(days=120),
            home_visits=home_visits,
            is_public=is_public,
        )
        actions.record_offer(by=coordinator, cpts=cpts, professional=doctors[position], offer=offer)
    made = _requests(cpts, desk)
    sent = []
    for row in reversed(made):
        found = candidates_for(row, settings_of(cpts), timezone.localdate())
        if found and len(sent) < 2:
            doctor = found[0].professional
            asked = {"doctor_request": row, "professional": doctor}
            sent.append(actions.propose_doctor(by=coordinator, **asked))
    for attribution in sent[:1]:
        actions.accept_attribution(by=coordinator, attribution=attribution)


def _requests(cpts: Cpts, desk) -> list[DoctorRequest]:
    today = timezone.localdate()
    communes = cycle(Commune.objects.in_cpts(cpts, today).order_by("pk")[:6])
    names = zip(GIVEN_NAMES[9:], reversed(FAMILY_NAMES[:-3]), strict=False)
    made = []
    for number, (age, days, said) in enumerate(WAITING):
        given, family = next(names)
        intake = actions.Intake(
            form_key=f"demonstration-{number}",
            channel="phone" if number % 3 else "paper",
            commune=next(communes),
            given_name=given,
            family_name=family,
            birth_date=dt.date(today.year - age, 1, 1),
            phone=f"06399879{number:02}",
            is_sure=True,
            agreement_from="patient" if age >= 18 else "parent",
            **said,
        )
        row = actions.record_request(by=desk, cpts=cpts, intake=intake)
        made.append(row)
        _move_back(row, dt.timedelta(days=days))
    return made


def _move_back(row: DoctorRequest, ago: dt.timedelta) -> None:
    """Only the demonstration moves the past."""
    moments = {name: F(name) - ago for name in ("received_at", "waits_since")}
    days = {name: getattr(row, name) - ago for name in ("promised_by", "deadline_on")}
    DoctorRequest.objects.filter(pk=row.pk).update(**moments, **days)
    row.events.update(at=F("at") - ago)
