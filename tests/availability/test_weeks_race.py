"""Two people enter a week of the same professional at once, while a desk takes its places."""

import threading
from contextlib import suppress
from functools import partial

import pytest
from django.db import connections
from django.utils import timezone

from diary import Diary
from maillage.accounts.enums import Role
from maillage.availability import actions
from maillage.availability.enums import LIVE
from maillage.availability.forms import parse_week
from maillage.availability.models import Booking, Slot, WeeklyPeriod
from people import actor_as, make_cpts

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def together(*works):
    """Runs each in a thread of its own, all at once; returns what went wrong."""
    start, wrong = threading.Barrier(len(works)), []

    def run(work):
        start.wait()
        try:
            work()
        except Exception as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return wrong


def test_the_same_week_entered_by_two_at_once_is_written_once():
    diary = Diary(make_cpts("course"))
    diary.show_to_desk()
    desk = actor_as(diary.cpts, Role.DISPATCHER)

    def enter(text):
        actions.set_week(
            by=diary.actor,
            professional=diary.professional,
            from_on=timezone.localdate(),
            said=parse_week(text),
        )

    def take():
        for slot in Slot.objects.filter(closed_at=None, starts_at__gt=timezone.now())[:4]:
            with suppress(actions.SlotClosed, actions.SlotFull):
                actions.take_place(by=desk, cpts=diary.cpts, slot=slot)

    for text in 3 * ["lu-ve 9-12 /20", "lu-ve 8-12 /20"]:
        same = partial(enter, text)
        assert together(same, same, take) == []
        periods = WeeklyPeriod.objects.filter(until_on=None)
        assert periods.count() == 5
    held = Booking.objects.filter(state__in=LIVE).select_related("slot")
    assert held.count() > 0
    times = [each.slot.starts_at for each in held]
    assert len(set(times)) == len(times)  # nobody is expected twice at the same time
    offered = Slot.objects.filter(closed_at=None).values_list("starts_at", flat=True)
    assert len(set(offered)) == len(offered)
