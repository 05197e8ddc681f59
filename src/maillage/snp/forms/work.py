"""Calls, the shift, merging, another hour."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from maillage.kernel.words import day
from maillage.snp.enums import CallResult, CallTo

PROFESSIONAL = re.compile(r"^pro-([0-9]{1,18})$")


class CallForm(forms.Form):
    """Whom was called, a professional by their id (« pro-12 »), and what came of it."""

    whom = forms.CharField(max_length=24)
    result = forms.ChoiceField(choices=CallResult.choices)

    def clean(self):
        data = super().clean()
        named = PROFESSIONAL.match(data.get("whom", ""))
        data["professional"] = int(named[1]) if named else None
        data["to"] = CallTo.PROFESSIONAL.value if named else data.get("whom", "")
        if data["to"] not in CallTo.values:
            self.add_error("whom", "Choisissez qui a été appelé.")
        return data


class ShiftForm(forms.Form):
    to_seat = forms.ModelChoiceField(
        label="Qui prend la suite ?",
        queryset=None,
        empty_label="Choisir…",
        error_messages={"required": "Choisissez qui prend la suite."},
    )

    def __init__(self, *args, seats, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to_seat"].queryset = seats
        self.fields["to_seat"].label_from_instance = lambda seat: (
            f"{seat.user}, {seat.get_role_display().lower()}"
        )


class MergeForm(forms.Form):
    """Into which request, among those still open; those that look like it come first."""

    into = forms.ChoiceField(
        label="C'est le même appel que",
        error_messages={"required": "Choisissez la demande à garder."},
    )

    def __init__(self, *args, found, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["into"].choices = [
            ("", "Choisir…"),
            *((str(each.pk), self._label(each)) for each in found),
        ]

    @staticmethod
    def _label(each) -> str:
        wall = timezone.localtime(each.received_at)
        return (
            f"n° {each.number}, {wall:%d/%m %H:%M}, {each.get_reason_display()}, "
            f"{each.commune.name}, {each.get_status_display().lower()}"
        )


class CounterForm(forms.Form):
    """Another day and hour, in the clock of the place."""

    day = forms.ChoiceField(label="Jour")
    hour = forms.TimeField(
        label="Heure",
        widget=forms.TimeInput(attrs={"type": "time"}),
        error_messages={
            "required": "Indiquez l'heure.",
            "invalid": "Écrivez l'heure ainsi : 17:40.",
        },
    )

    def __init__(self, *args, zone: ZoneInfo, search_hours: int, now: dt.datetime, **kwargs):
        super().__init__(*args, **kwargs)
        self.zone = zone
        first = timezone.localdate(now, zone)
        last = timezone.localdate(now + dt.timedelta(hours=search_hours), zone)
        days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
        self.fields["day"].choices = [(each.isoformat(), day(each, zone, now)) for each in days]

    @property
    def starts_at(self) -> dt.datetime:
        data = self.cleaned_data
        wall = dt.datetime.combine(dt.date.fromisoformat(data["day"]), data["hour"])
        return wall.replace(tzinfo=self.zone)
