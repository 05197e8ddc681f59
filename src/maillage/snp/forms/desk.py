"""How the desk works, as typed by the coordinator."""

from django import forms

from maillage.kernel.fields import DateField
from maillage.kernel.words import WEEKDAYS
from maillage.snp.models import DeskSettings


class DeskForm(forms.ModelForm):
    """How the desk works: a new dated row. Hours are written as "lundi 8:00-20:00", one a line."""

    hours = forms.CharField(
        label="Heures d'ouverture",
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text="Une plage par ligne : « lundi 8:00-20:00 ».",
    )

    class Meta:
        model = DeskSettings
        fields = [
            "source",
            "proposal_minutes",
            "live_proposals_max",
            "soon_minutes",
            "late_minutes",
            "search_hours",
            "max_travel_minutes",
            "weight_delay",
            "weight_travel",
            "usual_doctor_minutes",
            "load_minutes",
            "commune_population_min",
            "outcome_after_minutes",
        ]

    def clean_hours(self):
        return parse_hours(self.cleaned_data["hours"])


class RedFlagForm(forms.Form):
    """The list of signs, one a line, and the doctor who validated it."""

    labels = forms.CharField(
        label="Signes d'alerte, un par ligne", widget=forms.Textarea(attrs={"rows": 10})
    )
    validated_by = forms.CharField(label="Médecin de la CPTS qui a validé la liste", max_length=120)
    validated_on = DateField(label="Validée le")


def write_hours(hours) -> str:
    return "\n".join(
        f"{WEEKDAYS[h.weekday]} {h.opens_minute // 60}:{h.opens_minute % 60:02}"
        f"-{h.closes_minute // 60}:{h.closes_minute % 60:02}"
        for h in hours
    )


def parse_hours(text: str) -> list[tuple[int, int, int]]:
    """Lines of `write_hours`; raises ValidationError naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace("h", ":").replace("–", "-").lower().split(maxsplit=1)
        if not words:
            continue
        try:
            day = WEEKDAYS.index(words[0])
            opens, closes = (_minute(each) for each in words[1].split("-"))
        except (ValueError, IndexError):
            raise forms.ValidationError(f"Ligne {number} : écrivez « lundi 8:00-20:00 ».") from None
        if opens >= closes or closes > 1440:
            raise forms.ValidationError(f"Ligne {number} : la fermeture doit suivre l'ouverture.")
        found.append((day, opens, closes))
    return found


def _minute(text: str) -> int:
    hours, _, minutes = text.strip().partition(":")
    minute = int(hours) * 60 + int(minutes or 0)
    if not 0 <= minute <= 1440 or int(minutes or 0) > 59:
        raise ValueError(text)
    return minute
