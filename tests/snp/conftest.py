"""A desk on a Monday morning at nine, inside the scope of its CPTS."""

import datetime as dt

import pytest
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_desk
from maillage.accounts.enums import Role
from maillage.accounts.rules import LinkActor
from people import actor_as


class Clock:
    """The time the code reads: it moves only when told."""

    def __init__(self, now):
        self.now = now

    def move(self, **span) -> dt.datetime:
        self.now += dt.timedelta(**span)
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    moved = Clock(MONDAY.astimezone(dt.UTC))
    monkeypatch.setattr(timezone, "now", lambda: moved.now)
    return moved


@pytest.fixture
def cpts(db, clock):
    with scopes_disabled():
        cpts = make_desk()
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.fixture
def neighbour(db, clock):
    with scopes_disabled():
        return make_desk("voisine")


@pytest.fixture
def link_actor(cpts):
    return lambda proposal: LinkActor(cpts_id=cpts.pk, target=f"proposal:{proposal.pk}")
