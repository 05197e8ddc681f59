from django import forms

from maillage.kernel.fields import DateField, VersionedForm
from maillage.kernel.identifiers import phone_digits
from maillage.residents import queries
from maillage.residents.models import Resident


def commune_text(commune) -> str:
    return f"{commune.name} ({commune.departement})" if commune else ""


class IdentityForm(forms.Form):
    """What both looking for somebody and writing their record ask."""

    phone = forms.CharField(
        label="Téléphone",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    family_name = forms.CharField(
        label="Nom",
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    given_name = forms.CharField(
        label="Prénom",
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = DateField(label="Date de naissance", required=False)
    commune = forms.CharField(
        label="Commune",
        required=False,
        max_length=130,
        widget=forms.TextInput(attrs={"list": "communes", "autocomplete": "off"}),
    )

    def __init__(self, data=None, *, cpts, initial=None):
        super().__init__(data, initial=initial)
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
        communes = queries.communes_named(self.cpts, text)
        if not communes:
            raise forms.ValidationError("Commune inconnue : vérifiez le nom, ou laissez vide.")
        if len(communes) > 1:
            told = ", ".join(commune_text(each) for each in communes[:6])
            raise forms.ValidationError(f"Plusieurs communes portent ce nom : {told}.")
        return communes[0]


class SearchForm(IdentityForm):
    def __init__(self, data=None, *, cpts):
        super().__init__(data, cpts=cpts)
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True  # the page says which go together

    def clean(self):
        given = super().clean()
        has_name = given.get("family_name") and (given.get("birth_date") or given.get("commune"))
        if not self.errors and not given.get("phone") and not has_name:
            raise forms.ValidationError(
                "Indiquez un téléphone, ou un nom avec une date de naissance ou une commune."
            )
        return given


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

    def __init__(self, data=None, *, cpts, doctors, initial=None):
        super().__init__(data, cpts=cpts, initial=initial)
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
