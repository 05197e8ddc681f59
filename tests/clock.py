"""The time that the code reads in a test."""

import datetime as dt

from django.utils import timezone

from factories import MONDAY


class Clock:
    """It moves only when told."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def move(self, **span: float) -> dt.datetime:
        self.now += dt.timedelta(**span)
        return self.now


def stopped(monkeypatch) -> Clock:
    """A Monday morning at nine, until it is moved."""
    clock = Clock(MONDAY.astimezone(dt.UTC))
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock
