"""A prepared query answers what the queryset it was made of answers."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maillage.accounts.models import Seat
from maillage.kernel.prepared import Prepared
from people import make_cpts, make_seat

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 11, 23)


def seats(user, slug, day):
    found = Seat.objects.filter(user=user, cpts__slug=slug).active(day)
    return found.select_related("cpts").order_by("pk")


def prepared():
    return Prepared(seats, user=int, slug=str, day=dt.date)


def held(row):
    """Its columns, and those of its CPTS."""
    return [{k: v for k, v in vars(each).items() if k != "_state"} for each in (row, row.cpts)]


def test_it_answers_as_the_queryset_it_was_made_of():
    ask, one, other = prepared(), make_cpts("une"), make_cpts("autre")
    for cpts in (one, other):
        for ends_on in (None, DAY, DAY - dt.timedelta(days=1)):
            make_seat(cpts, ends_on=ends_on)
    users = {each.user_id for each in Seat.objects.all()} | {-5}
    days = [DAY, DAY + dt.timedelta(days=1), dt.date(1, 1, 3)]
    asked = [(user, slug, day) for user in users for slug in ("une", "autre", "") for day in days]
    told = 0
    for user, slug, day in asked:
        found, plain = ask(user=user, slug=slug, day=day), list(seats(user, slug, day))
        assert [held(each) for each in found] == [held(each) for each in plain]
        assert not any(each._state.adding for each in found)
        told += len(found)
    assert told


def test_one_statement_and_what_it_selects_is_there():
    ask, cpts = prepared(), make_cpts("une")
    seat = make_seat(cpts)
    with CaptureQueriesContext(connection) as seen:
        (found,) = ask(user=seat.user_id, slug="une", day=DAY)
        assert found.cpts.name == cpts.name
    assert len(seen) == 1


def test_a_value_that_is_no_parameter_is_refused():
    def forgets(user, slug):
        return Seat.objects.filter(user=user)

    with pytest.raises(TypeError, match="parameter"):
        Prepared(forgets, user=int, slug=str)(user=1, slug="une")
