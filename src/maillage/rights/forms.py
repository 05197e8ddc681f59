from django import forms
from django.utils import timezone

from maillage.kernel.fields import DateField
from maillage.kernel.retention import RetentionClass
from maillage.rights.enums import DONE, ErasureReason, Step


class ErasureForm(forms.Form):
    """Why, and which requests of nobody named are theirs."""

    reason = forms.ChoiceField(label="Motif", choices=ErasureReason.choices)
    also = forms.MultipleChoiceField(
        label="Effacer aussi ces demandes sans fiche, au même numéro",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_sure = forms.BooleanField(label="La personne est bien celle qui le demande")

    def __init__(self, data=None, *, requests):
        super().__init__(data)
        self.fields["also"].choices = [
            (each.pk, f"n° {each.number}, reçue le {timezone.localdate(each.received_at):%d/%m/%Y}")
            for each in requests
        ]
        if not requests:
            del self.fields["also"]


class DurationForm(forms.Form):
    """A duration from a day on, signed."""

    what = forms.ChoiceField(
        label="Classe et étape",
        choices=[
            (f"{kind}:{step}", f"{RetentionClass(kind).label} : {Step(step).label}")
            for kind, step in DONE
        ],
    )
    days = forms.IntegerField(label="Jours", min_value=1, max_value=36_500)
    contract_ends_on = DateField(
        label="Fin du contrat ACI",
        required=False,
        help_text="Pour supprimer les demandes : les jours se comptent alors depuis cette date.",
    )
    valid_from = DateField(label="À partir du", help_text="Un jour à venir attend son tour.")
    source = forms.CharField(label="Source", max_length=300, help_text="Ce qui fonde cette durée.")
    decided_by = forms.CharField(label="Décidé par", max_length=120)
