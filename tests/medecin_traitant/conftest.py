"""A CPTS that looks for médecins traitants, on a Monday morning at nine, inside its scope."""

import datetime as dt

import pytest
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from clock import stopped
from factories import MONDAY, make_desk, make_doctor, make_doctor_intake, set_mt
from maillage.accounts.enums import Role
from maillage.medecin_traitant import actions, queries
from people import actor_as


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    return stopped(monkeypatch)


@pytest.fixture
def cpts(db, clock):
    with scopes_disabled():
        cpts = make_desk()
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def doctor(cpts):
    """Of the directory; responsible for what is asked on health."""
    return make_doctor(cpts, phone="0639980101")


@pytest.fixture
def settings_mt(cpts, doctor):
    return set_mt(cpts, responsible=doctor, cpam_basis="convention du 2 janvier 2026, article 4")


@pytest.fixture
def desk(cpts, settings_mt):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.fixture
def coordinator(cpts, settings_mt):
    return actor_as(cpts, Role.COORDINATOR)


@pytest.fixture
def take(cpts, desk):
    """One more request at the desk, about somebody new unless told otherwise."""

    def record(by=desk, **said):
        said = {"is_sure": True} | said
        return actions.record_request(by=by, cpts=cpts, intake=make_doctor_intake(**said))

    return record


@pytest.fixture
def offers(cpts, coordinator):
    """The doctor says how many; twice, the second replaces the first."""

    def record(doctor, **said):
        usual = {"per_month": 2, "until_on": MONDAY.date() + dt.timedelta(days=90)}
        return actions.record_offer(
            by=coordinator, cpts=cpts, professional=doctor, offer=actions.Offer(**usual | said)
        )

    return record


@pytest.fixture
def run(cpts, settings_mt):
    """The attribution of this instant."""

    def found(**choices):
        settings = queries.settings_of(cpts)
        rules, now = queries.rules_of(cpts), timezone.now()
        return queries.matching_for(cpts, settings, rules, now=now, **choices)

    return found
