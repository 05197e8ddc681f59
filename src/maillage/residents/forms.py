from django import forms

from maillage.kernel.fields import VersionedForm
from maillage.kernel.identity import IdentityForm, commune_text
from maillage.residents.models import Resident


class NoticeForm(forms.Form):
    """A new version of the text; from now on when no date is given."""

    text = forms.CharField(
        label="Texte lu ou remis aux habitants",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Qui traite les données, pourquoi, qui les voit, combien de temps, quels droits et "
        "à qui écrire. Il se lit au téléphone : court et simple.",
    )
    valid_from = forms.DateTimeField(
        label="En service à partir du",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Vide : maintenant.",
    )


class ResidentForm(IdentityForm, VersionedForm):
    email = forms.EmailField(label="Adresse électronique", required=False, max_length=254)
    usual_doctor = forms.ModelChoiceField(
        label="Médecin traitant", required=False, queryset=None, empty_label="non connu"
    )

    def __init__(self, data=None, *, doctors, **given):
        super().__init__(data, **given)
        self.fields["family_name"].required = True
        self.fields["usual_doctor"].queryset = doctors
        self.order_fields(["family_name", "given_name", "birth_date", "phone", "commune"])

    def identity(self) -> dict:
        """The fields of the record, without the version they were read at."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}

    @staticmethod
    def values_of(resident: Resident) -> dict:
        names = ("family_name", "given_name", "birth_date", "phone", "email", "usual_doctor")
        return {name: getattr(resident, name) for name in (*names, "version")} | {
            "commune": commune_text(resident.commune)
        }
