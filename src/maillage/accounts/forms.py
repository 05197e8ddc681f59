from django import forms

from maillage.accounts.enums import Role
from maillage.kernel.fields import DateField


class InviteForm(forms.Form):
    email = forms.EmailField(label="Adresse électronique", max_length=254)
    role = forms.ChoiceField(label="Rôle", choices=Role.choices)
    given_name = forms.CharField(label="Prénom", required=False, max_length=80)
    family_name = forms.CharField(label="Nom", required=False, max_length=80)
    starts_on = DateField(
        label="À partir du", required=False, help_text="Vide : dès que le rôle est ouvert."
    )
    ends_on = DateField(
        label="Jusqu'au (inclus)", required=False, help_text="Vide : sans fin prévue."
    )

    def clean(self):
        given = super().clean()
        start, end = given.get("starts_on"), given.get("ends_on")
        if start and end and end < start:
            self.add_error("ends_on", "La date de fin précède la date de début.")
        return given
