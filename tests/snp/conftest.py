"""A desk on a Monday morning at nine, inside the scope of its CPTS."""

import pytest
from django_scopes import scope, scopes_disabled

from clock import stopped
from factories import make_desk
from maillage.accounts.enums import Role
from maillage.accounts.rules import LinkActor
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
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.fixture
def neighbour(db, clock):
    with scopes_disabled():
        return make_desk("voisine")


@pytest.fixture
def link_actor(cpts):
    return lambda proposal: LinkActor(cpts_id=cpts.pk, target=f"proposal:{proposal.pk}")
