"""The page of many weeks: a date, and a short text for each professional."""

import datetime as dt
from collections.abc import Iterable, Sequence

from django import forms
from django.utils import timezone

from maillage.availability.forms.diary import Day
from maillage.availability.forms.week_text import NO_WEEK, Misread, parse_week, plain
from maillage.availability.queries import SaidPeriod
from maillage.directory.models import Professional

SAME_AS_ABOVE = "="


def next_monday() -> dt.date:
    today = timezone.localdate()
    return today + dt.timedelta(days=7 - today.weekday())


class WeeksForm(forms.Form):
    """A date, and a short text for each professional: empty, nothing changes.

    Once read, `said` holds the weeks that were understood, by professional.
    """

    from_on = Day(label="À partir du")

    def __init__(self, data=None, *, people: Sequence[Professional], **kwargs):
        super().__init__(data, **kwargs)
        self.people = people
        self.said: dict[int, tuple[SaidPeriod, ...]] = {}
        self.meant: dict[int, str] = {}  # the text once « = » was followed
        self.names = {each.pk: f"week-{each.pk}" for each in people}
        for name in self.names.values():
            self.fields[name] = forms.CharField(required=False, max_length=200)

    @property
    def typed(self) -> bool:
        return any(self.data.get(name, "").strip() for name in self.names.values())

    @property
    def strangers(self) -> bool:
        """Was a line typed for somebody whose availability this account no longer keeps?"""
        mine = set(self.names.values())
        return any(
            key.startswith("week-") and key not in mine and value
            for key, value in self.data.items()
        )

    def day(self) -> dt.date | None:
        """The date asked for; None when there is none that can be used."""
        self.is_valid()
        return self.cleaned_data.get("from_on") if self.is_bound else None

    def without(self, done: Iterable[int]) -> "WeeksForm":
        """The same, these lines emptied, and « = » written out where its line is left alone."""
        texts = {pk: self.data.get(name, "") for pk, name in self.names.items()} | self.meant
        texts |= dict.fromkeys(done, "")
        data = {self.names[pk]: text for pk, text in texts.items()}
        return WeeksForm(data | {"from_on": self.data.get("from_on")}, people=self.people)

    def clean_from_on(self):
        from_on = self.cleaned_data["from_on"]
        if from_on < timezone.localdate():
            raise forms.ValidationError("Choisissez aujourd'hui ou un jour à venir.")
        return from_on

    def clean(self):
        """Each line on its own; « = » takes what the line above says, through several of them."""
        above: str | None = ""
        for pk, name in self.names.items():
            text = self.cleaned_data.get(name)
            if text is not None and plain(text) == SAME_AS_ABOVE:
                if not above:
                    self.add_error(name, _nothing_above(above))
                text = above or None
            if text:
                text = self._read(pk, name, text)
            above = text
        return self.cleaned_data

    def _read(self, pk: int, name: str, text: str) -> str | None:
        try:
            self.said[pk] = () if plain(text) == NO_WEEK else parse_week(text)
        except Misread as error:
            self.add_error(name, error)
            return None
        self.meant[pk] = text
        return text


def _nothing_above(above: str | None) -> str:
    if above is None:
        return "« = » recopie la ligne du dessus, qui n'est pas comprise."
    return "« = » recopie la ligne du dessus, qui est vide."
