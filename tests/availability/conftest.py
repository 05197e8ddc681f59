import datetime as dt

import pytest
from django.utils import timezone

from diary import MONDAY, PARIS, Diary, wall
from maillage.accounts.enums import Role
from maillage.directory.models import Delegation
from people import actor_as, make_cpts


@pytest.fixture
def clock(monkeypatch):
    """Sets the time: `clock(MONDAY, 10)`. It then stands still."""

    def at(day, hour, minute=0, zone=PARIS):
        now = wall(day, hour, minute, zone)
        monkeypatch.setattr(timezone, "now", lambda: now.astimezone(dt.UTC))
        return now

    at(MONDAY, 8)
    return at


@pytest.fixture
def cpts(db):
    return make_cpts("vallee")


@pytest.fixture
def neighbour(db):
    return make_cpts("voisine")


@pytest.fixture
def diary(cpts, clock):
    return Diary(cpts)


@pytest.fixture
def shown(diary):
    """The same, its visibility given to the desk of its CPTS."""
    diary.show_to_desk()
    return diary


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.fixture
def delegated(diary):
    """A secretary's actor; dates are those of the delegation."""

    def to(**dates):
        secretary = actor_as(diary.cpts, Role.SECRETARY)
        Delegation.objects.create(
            professional=diary.professional,
            secretary=secretary.seat.user,
            **{"from_on": MONDAY} | dates,
        )
        return secretary

    return to
