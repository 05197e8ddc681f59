"""What is typed about hours and days, in the clock of the place of practice."""

import datetime as dt

from django import forms
from django.utils import timezone

from maillage.availability.enums import (
    CAPACITY_MAX,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    AbsenceReason,
    Audience,
    BookingMode,
    QuickAnswer,
    Weekday,
)
from maillage.availability.queries import end_of_day, kinds_of, wall_instant
from maillage.directory.enums import CareKind
from maillage.kernel.fields import DateField

MODES = [
    (BookingMode.ON_AGREEMENT, "sur accord : on vous demande d'abord"),
    (BookingMode.BOOKABLE, "réservable : la régulation réserve et vous prévient"),
]
AUDIENCES = [
    (Audience.PUBLIC, "Tout public : les patients et toutes les CPTS"),
    (Audience.PRO, "Professionnels : les professionnels de santé et toutes les CPTS"),
    (Audience.SNP, "Soins non programmés : la régulation des CPTS choisies plus bas"),
    (Audience.CPTS, "Membres : les membres des CPTS choisies plus bas"),
]


class Day(DateField):
    """A day of a diary: a year mistyped (0026, 9999) is told, an instant can be made of the rest."""

    def validate(self, value):
        super().validate(value)
        if value and not 1900 <= value.year <= 2200:
            raise forms.ValidationError("Vérifiez l'année de cette date.")


class Hour(forms.TimeField):
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


def minute_of_day(at: dt.time, *, is_end: bool = False) -> int:
    """Minutes since midnight; an end at 00:00 is the end of the day."""
    minutes = at.hour * 60 + at.minute
    return 1440 if is_end and minutes == 0 else minutes


class PlaceForm(forms.Form):
    """Base of the two openings: where, how, for how many."""

    place = forms.TypedChoiceField(label="Lieu d'exercice", coerce=int)
    kind = forms.ChoiceField(label="Rendez-vous")
    mode = forms.ChoiceField(label="Comment on le prend", choices=MODES)
    capacity = forms.IntegerField(
        label="Places par créneau", min_value=1, max_value=CAPACITY_MAX, initial=1
    )

    def __init__(self, data=None, *, professional, places, **kwargs):
        super().__init__(data, **kwargs)
        self.places = {place.pk: place for place in places}
        self.fields["place"].choices = [
            (pk, f"{each.name or 'Cabinet'}, {each.commune.name}")
            for pk, each in self.places.items()
        ]
        self.fields["kind"].choices = [
            (kind, CareKind(kind).label) for kind in kinds_of(professional)
        ]

    def clean_place(self):
        return self.places[self.cleaned_data["place"]]


class PeriodForm(PlaceForm):
    weekday = forms.TypedChoiceField(label="Jour", choices=Weekday.choices, coerce=int)
    starts = Hour(label="De")
    ends = Hour(label="À")
    slot_minutes = forms.IntegerField(
        label="Durée d'un créneau, en minutes",
        min_value=SLOT_MINUTES_MIN,
        max_value=SLOT_MINUTES_MAX,
        initial=20,
    )
    from_on = Day(label="À partir du", initial=timezone.localdate)
    until_on = Day(label="Jusqu'au", required=False, help_text="Vide : sans fin prévue.")
    field_order = ["weekday", "starts", "ends", "slot_minutes", "capacity", "place", "kind", "mode"]

    def values(self):
        values = dict(self.cleaned_data)
        values["starts_minute"] = minute_of_day(values.pop("starts"))
        values["ends_minute"] = minute_of_day(values.pop("ends"), is_end=True)
        return values


class OpeningForm(PlaceForm):
    day = Day(label="Jour", initial=timezone.localdate)
    starts = Hour(label="De")
    ends = Hour(label="À")
    slot_minutes = forms.IntegerField(
        label="Durée d'un créneau, en minutes",
        required=False,
        min_value=SLOT_MINUTES_MIN,
        max_value=SLOT_MINUTES_MAX,
        help_text="Vide : une plage sans heure fixe, à convenir avec vous.",
    )
    field_order = ["day", "starts", "ends", "slot_minutes", "capacity", "place", "kind", "mode"]

    def values(self):
        values = dict(self.cleaned_data)
        day, zone = values.pop("day"), values["place"].commune.zone
        starts, ends = values.pop("starts"), values.pop("ends")
        values["starts_at"] = wall_instant(day, minute_of_day(starts), zone)
        values["ends_at"] = wall_instant(day, minute_of_day(ends, is_end=True), zone)
        return values


class AbsenceForm(forms.Form):
    from_on = Day(label="Du", initial=timezone.localdate)
    from_time = Hour(label="À partir de", required=False, help_text="Vide : dès le début du jour.")
    until_on = Day(label="Au", initial=timezone.localdate)
    until_time = Hour(label="Jusqu'à", required=False, help_text="Vide : tout le jour.")
    reason = forms.ChoiceField(
        label="Motif",
        choices=[each for each in AbsenceReason.choices if each[0] != AbsenceReason.FULL_DAY],
        help_text="Ce qu'un collègue peut savoir ; jamais rien de médical.",
    )

    def __init__(self, data=None, *, zone, **kwargs):
        super().__init__(data, **kwargs)
        self.zone = zone

    def values(self):
        asked = self.cleaned_data
        starts = wall_instant(
            asked["from_on"], minute_of_day(asked["from_time"] or dt.time()), self.zone
        )
        last = wall_instant(
            asked["until_on"], minute_of_day(asked["until_time"] or dt.time()), self.zone
        )
        ends = last if asked["until_time"] else end_of_day(last, self.zone)
        return {"starts_at": starts, "ends_at": ends, "reason": asked["reason"]}


class EndForm(forms.Form):
    until_on = Day(label="Dernier jour", initial=timezone.localdate)


class QuickForm(forms.Form):
    answer = forms.ChoiceField(choices=QuickAnswer.choices)


class SetOf(forms.TypedMultipleChoiceField):
    """A question whose answer is a set, the empty one included: not the same as optional."""

    widget = forms.CheckboxSelectMultiple

    def validate(self, value):
        if value:
            super().validate(value)


class VisibilityForm(forms.Form):
    """A set of audiences; SNP and CPTS are then given one CPTS at a time."""

    audiences = SetOf(
        label="Qui voit ce que vous ouvrez",
        choices=AUDIENCES,
        help_text="Plusieurs réponses possibles ; aucune : personne ne voit rien.",
    )
    snp = SetOf(label="La régulation des soins non programmés de", coerce=int)
    members = SetOf(label="Les membres de", coerce=int)

    def __init__(self, data=None, *, cptss, **kwargs):
        super().__init__(data, auto_id="visibility-%s", **kwargs)
        for name in ("snp", "members"):
            self.fields[name].choices = [(cpts.pk, cpts.name) for cpts in cptss]

    def values(self):
        snp, members = self.cleaned_data["snp"], self.cleaned_data["members"]
        given = {pk: (pk in snp, pk in members) for pk in {*snp, *members}}
        return {"audiences": set(self.cleaned_data["audiences"]), "given": given}
