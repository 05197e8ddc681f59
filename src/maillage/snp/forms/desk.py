"""How the desk works, as typed by the coordinator."""

from django import forms

from maillage.directory.enums import Profession
from maillage.kernel.fields import DateField
from maillage.kernel.words import WEEKDAYS
from maillage.snp.enums import HOLIDAY
from maillage.snp.models import DeskSettings

MOMENT = {"type": "datetime-local"}

DAYS = (*WEEKDAYS, "férié")  # 7: a public holiday


class DeskForm(forms.ModelForm):
    """How the desk works: a new dated row. Hours are written as "lundi 8:00-20:00", one a line."""

    hours = forms.CharField(
        label="Heures d'ouverture",
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text="Une plage par ligne : « lundi 8:00-20:00 ». Un jour férié : « férié 9:00-12:00 ».",
    )
    pdsa_hours = forms.CharField(
        label="Heures de la permanence des soins (PDSA)",
        widget=forms.Textarea(attrs={"rows": 7}),
        required=False,
        help_text="Quand la permanence des soins prend le relais, dimanches et jours fériés compris.",
    )
    summary_minute = forms.TimeField(
        label="Bilan du jour envoyé à",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
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
            "first_deadline_hours",
            "second_deadline_hours",
            "warn_minutes",
            "usual_doctor_circle_minutes",
            "ring_circle_minutes",
            "cpts_circle_minutes",
            "neighbours_circle_minutes",
            "duty_circle_minutes",
            "remind_minutes",
            "escalate_minutes",
            "double_hours",
            "small_cell_min",
            "relation_days",
            "break_glass_minutes",
            "out_of_hours_number",
            "out_of_hours_source",
        ]

    def clean_hours(self):
        return parse_hours(self.cleaned_data["hours"])

    def clean_pdsa_hours(self):
        return parse_hours(self.cleaned_data["pdsa_hours"])

    def clean_summary_minute(self):
        at = self.cleaned_data["summary_minute"]
        return at.hour * 60 + at.minute


class RedFlagForm(forms.Form):
    """The list of signs, one a line, and the doctor who validated it."""

    labels = forms.CharField(
        label="Signes d'alerte, un par ligne", widget=forms.Textarea(attrs={"rows": 10})
    )
    validated_by = forms.CharField(label="Médecin de la CPTS qui a validé la liste", max_length=120)
    validated_on = DateField(label="Validée le")


def write_hours(hours) -> str:
    return "\n".join(
        f"{DAYS[h.weekday]} {h.opens_minute // 60}:{h.opens_minute % 60:02}"
        f"-{h.closes_minute // 60}:{h.closes_minute % 60:02}"
        for h in hours
    )


def parse_hours(text: str) -> list[tuple[int, int, int]]:
    """Lines of `write_hours`; raises ValidationError naming the line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.lower().split(maxsplit=1)
        if not words:
            continue
        try:
            day = DAYS.index(words[0])
            opens, closes = (_minute(each) for each in words[1].replace("–", "-").split("-"))
        except (ValueError, IndexError):
            raise forms.ValidationError(f"Ligne {number} : écrivez « lundi 8:00-20:00 ».") from None
        if opens >= closes or closes > 1440:
            raise forms.ValidationError(f"Ligne {number} : la fermeture doit suivre l'ouverture.")
        found.append((day, opens, closes))
    return found


def _minute(text: str) -> int:
    hours, _, minutes = text.replace("h", ":").strip().partition(":")
    minute = int(hours) * 60 + int(minutes or 0)
    if not 0 <= minute <= 1440 or int(minutes or 0) > 59:
        raise ValueError(text)
    return minute


class OnCallForm(forms.Form):
    """Who is on call, from when to when."""

    seat = forms.ModelChoiceField(
        label="Qui",
        queryset=None,
        empty_label="Choisir…",
        error_messages={"required": "Choisissez la personne."},
    )
    starts_at = forms.DateTimeField(label="Du", widget=forms.DateTimeInput(attrs=MOMENT))
    ends_at = forms.DateTimeField(label="Au", widget=forms.DateTimeInput(attrs=MOMENT))

    def __init__(self, *args, seats, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["seat"].queryset = seats


class AgreementProposalForm(forms.Form):
    """With whom, for which professions, at which hours, and what is shared."""

    other = forms.ModelChoiceField(
        label="CPTS voisine",
        queryset=None,
        empty_label="Choisir…",
        error_messages={"required": "Choisissez la CPTS."},
    )
    professions = forms.MultipleChoiceField(
        label="Professions",
        choices=Profession.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choisissez au moins une profession."},
    )
    hours = forms.CharField(
        label="Heures",
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text="Une plage par ligne : « samedi 8:00-12:00 ». Vide : à toute heure.",
    )
    until_on = DateField(label="Jusqu'au", required=False)
    shares_phone = forms.BooleanField(
        label="La régulation voisine voit le téléphone du professionnel", required=False
    )
    shares_age = forms.BooleanField(
        label="Le professionnel voit la tranche d'âge du patient", required=False, initial=True
    )
    shares_commune = forms.BooleanField(
        label="Le professionnel voit la commune du patient", required=False
    )

    def __init__(self, *args, others, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["other"].queryset = others

    def clean_hours(self):
        found = parse_hours(self.cleaned_data["hours"])
        if any(day == HOLIDAY for day, _, _ in found):
            raise forms.ValidationError("Un accord se dit par jour de la semaine.")
        return found
