from django import forms
from django.utils import timezone

from maillage.kernel.fields import DateField
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.retention import RetentionClass
from maillage.residents import queries as residents
from maillage.rights.enums import DONE, ErasureReason, Step

OFF = {"autocomplete": "off"}


class PersonForm(forms.Form):
    """Who asks: by the same whole keys as the desk, never by a piece of a name."""

    phone = forms.CharField(
        label="Téléphone",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel"} | OFF),
    )
    family_name = forms.CharField(
        label="Nom", required=False, max_length=80, widget=forms.TextInput(attrs=OFF)
    )
    given_name = forms.CharField(
        label="Prénom", required=False, max_length=80, widget=forms.TextInput(attrs=OFF)
    )
    birth_date = DateField(label="Date de naissance", required=False)
    commune = forms.CharField(
        label="Commune", required=False, max_length=130, widget=forms.TextInput(attrs=OFF)
    )

    def __init__(self, data=None, *, cpts):
        super().__init__(data)
        self.cpts = cpts

    def clean_phone(self):
        text = self.cleaned_data["phone"]
        if text and phone_digits(text) is None:
            raise forms.ValidationError("Ce n'est pas un numéro de téléphone.")
        return text

    def clean_commune(self):
        text = self.cleaned_data["commune"]
        if not text:
            return None
        communes = residents.communes_named(self.cpts, text)
        if len(communes) != 1:
            raise forms.ValidationError("Écrivez son nom entier, ou son code INSEE.")
        return communes[0]

    def clean(self):
        given = super().clean()
        named = given.get("family_name") and (given.get("birth_date") or given.get("commune"))
        if not self.errors and not given.get("phone") and not named:
            raise forms.ValidationError(
                "Donnez un téléphone, ou un nom avec une date de naissance ou une commune."
            )
        return given


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
