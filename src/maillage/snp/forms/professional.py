"""What a professional chooses about being asked; rings; the rule of the fee."""

import datetime as dt

from django import forms
from django.utils import timezone

from maillage.availability.enums import PauseUntil
from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.fields import DateField


class Hour(forms.TimeField):
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


def _minute(at: dt.time | None) -> int | None:
    return None if at is None else at.hour * 60 + at.minute


def hour_of(minute: int | None) -> dt.time | None:
    """As typed: the end of the day is midnight."""
    return None if minute is None else dt.time(minute // 60 % 24, minute % 60)


class PauseForm(forms.Form):
    """How long; a date goes with its day, the first one back."""

    until = forms.ChoiceField(choices=PauseUntil.choices)
    day = DateField(label="Je reprends le", required=False)

    def clean(self):
        data = super().clean()
        if data.get("until") != PauseUntil.DAY or self.errors.get("day"):
            return data
        if data.get("day") is None:
            self.add_error("day", "Indiquez le jour de reprise.")
        elif not 0 < (data["day"] - timezone.localdate()).days < 1000:
            self.add_error("day", "Le jour de reprise est à venir.")
        return data


class AskingForm(forms.Form):
    weekly_cap = forms.IntegerField(
        label="Au plus, par semaine",
        min_value=1,
        max_value=500,
        required=False,
        help_text="Places prises, du lundi au dimanche. Ensuite, plus rien n'est proposé jusqu'au "
        "lundi. Vide : pas de limite.",
    )
    quiet_from = Hour(label="Heures calmes, de", required=False)
    quiet_to = Hour(label="à", required=False)
    for_neighbours = forms.BooleanField(
        label="Mes créneaux peuvent aider les CPTS voisines",
        required=False,
        help_text="Quand personne de votre CPTS ne peut répondre, la régulation d'une CPTS voisine liée "
        "par un accord peut alors voir vos créneaux libres, votre nom et votre commune. Vous "
        "acceptez ou refusez chaque demande ; décocher vaut aussitôt.",
    )

    def values(self) -> dict:
        data = self.cleaned_data
        return {
            "weekly_cap": data["weekly_cap"],
            "quiet_from_minute": _minute(data["quiet_from"]),
            "quiet_to_minute": _minute(data["quiet_to"]),
            "for_neighbours": data["for_neighbours"],
        }


class RingForm(forms.Form):
    name = forms.CharField(
        label="Nom du cercle", max_length=80, help_text="Par exemple « Maison de santé du bourg »."
    )
    profession = forms.ChoiceField(
        label="Profession", choices=Profession.choices, initial=Profession.DOCTOR
    )


class RingNameForm(forms.Form):
    name = forms.CharField(label="Nom du cercle", max_length=80)


class RingMemberForm(forms.Form):
    professional = forms.ModelChoiceField(
        label="Professionnel", queryset=Professional.objects.none(), empty_label="Choisir…"
    )
    from_on = DateField(label="À partir du", required=False, help_text="Vide : aujourd'hui.")
    until_on = DateField(label="Jusqu'au", required=False, help_text="Vide : sans fin prévue.")

    def __init__(self, *args, professionals, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["professional"].queryset = professionals


class FeeForm(forms.Form):
    """A dated rule; what is not known stays empty."""

    valid_from = DateField(label="À partir du")
    amount_euros = forms.DecimalField(
        label="Montant (€)", min_value=0, max_digits=6, decimal_places=2, required=False
    )
    weekly_ceiling = forms.IntegerField(
        label="Plafond par médecin et par semaine", min_value=0, max_value=32767, required=False
    )
    within_hours = forms.IntegerField(
        label="Soin dans les (h)", min_value=0, max_value=32767, required=False
    )
    source = forms.CharField(label="Source", max_length=300)
