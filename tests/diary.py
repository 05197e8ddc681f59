"""A professional and their diary: the verbs without their long arguments."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.availability import actions
from maillage.availability.enums import Audience
from maillage.availability.models import Absence, Opening, Slot, WeeklyPeriod
from maillage.directory.models import CptsProfessional
from people import LONG_AGO, actor_as, link, make_professional

PARIS = ZoneInfo("Europe/Paris")
MONDAY = dt.date(2026, 11, 23)


def wall(day, hour, minute=0, zone=PARIS):
    """What the clock of the zone shows, as an instant."""
    return dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


class Diary:
    """One professional with an account, and the verbs without their long arguments."""

    def __init__(self, cpts, *others, **about):
        self.cpts = cpts
        self.professional = make_professional(cpts, **about)
        for other in others:
            CptsProfessional._base_manager.create(
                cpts=other, professional=self.professional, joined_on=LONG_AGO
            )
        self.actor = actor_as(cpts, Role.PROFESSIONAL)
        link(self.actor.seat.user, self.professional)
        self.place = self.professional.places.get()

    def choose(self, *audiences, by=None, **given):
        """`given`: pairs by CPTS id, as `_12=(True, False)`."""
        return actions.choose_visibility(
            by=by or self.actor,
            professional=self.professional,
            audiences=set(audiences),
            given={int(key[1:]): pair for key, pair in given.items()},
        )

    def show_to_desk(self, *cptss):
        given = {f"_{each.pk}": (True, False) for each in cptss or [self.cpts]}
        return self.choose(Audience.SNP, **given)

    def period(self, by=None, **about):
        values = {
            "place": self.place,
            "weekday": 0,
            "starts_minute": 9 * 60,
            "ends_minute": 10 * 60,
            "slot_minutes": 20,
            "from_on": MONDAY,
        }
        return actions.add_period(
            by=by or self.actor, professional=self.professional, **values | about
        )

    def open(self, start, end, by=None, **about):
        return actions.open_once(
            by=by or self.actor,
            professional=self.professional,
            **{"place": self.place, "starts_at": start, "ends_at": end} | about,
        )

    def away(self, start, end, by=None, **about):
        return actions.add_absence(
            by=by or self.actor,
            professional=self.professional,
            starts_at=start,
            ends_at=end,
            **about,
        )

    def says(self, answer, by=None):
        return actions.answer_quickly(
            by=by or self.actor, professional=self.professional, answer=answer
        )

    @property
    def slots(self):
        return Slot.objects.filter(professional=self.professional, closed_at=None)

    def walls(self, zone=PARIS):
        """Open slots as "lun. 23 09:00"-like pairs of local day and hour."""
        return [
            (timezone.localtime(each.starts_at, zone)).strftime("%d %H:%M")
            for each in self.slots.order_by("starts_at")
        ]

    @property
    def rows(self):
        """Every row the rules and slots hold: equal before and after when nothing was written."""
        return [
            list(model.objects.filter(professional=self.professional).order_by("pk").values())
            for model in (WeeklyPeriod, Opening, Absence, Slot)
        ]
