from django import forms
from django.utils import timezone

from maillage.directory.enums import (
    AGE_MAX,
    CareKind,
    Language,
    LinkMethod,
    PlaceRow,
    Profession,
    ProfessionalRow,
    Speciality,
)
from maillage.directory.models import CptsProfessional, CptsStructure
from maillage.kernel.fields import DateField, PhoneField, VersionedForm
from maillage.kernel.identifiers import is_rpps_shaped

EVERY = [("", "toutes")]


class RppsField(forms.CharField):
    """Eleven digits, spaces forgiven. A wrong key is not refused here."""

    def __init__(self, **kwargs):
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "numeric"}))
        super().__init__(max_length=20, **kwargs)

    def clean(self, value):
        rpps = "".join(super().clean(value).split())
        if not is_rpps_shaped(rpps):
            raise forms.ValidationError("Un numéro RPPS est fait de 11 chiffres.")
        return rpps


class SearchForm(forms.Form):
    q = forms.CharField(
        label="Nom, métier, téléphone, RPPS",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    profession = forms.ChoiceField(
        label="Profession", required=False, choices=EVERY + Profession.choices
    )
    commune = forms.ChoiceField(label="Commune", required=False)
    kind = forms.ChoiceField(
        label="Lieu de soin", required=False, choices=[("", "tous"), *CareKind.choices]
    )

    def __init__(self, data, *, communes):
        super().__init__(data, auto_id="search-%s")
        self.fields["commune"].choices = EVERY + [(each.pk, each.name) for each in communes]
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True  # every criterion is optional: no need to say


class NationalSearchForm(forms.Form):
    """A professional of the country, by what one has heard of them."""

    q = forms.CharField(
        label="Nom, téléphone ou RPPS",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    commune = forms.CharField(label="Commune", required=False, max_length=80)
    profession = forms.ChoiceField(
        label="Profession", required=False, choices=EVERY + Profession.choices
    )

    def __init__(self, data, *, communes_named):
        super().__init__(data, auto_id="search-%s")
        self._communes_named = communes_named
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True

    def clean_commune(self):
        """The communes of that name; None when any will do."""
        text = self.cleaned_data["commune"].strip()
        if not text:
            return None
        communes = self._communes_named(text)
        if not communes:
            raise forms.ValidationError("Aucune commune de ce nom : « Cluny » ou « Cluny (71) ».")
        return communes


class NoteForm(VersionedForm):
    note = forms.CharField(
        label="Note de la CPTS",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Lue par tous ceux qui ouvrent l'annuaire de votre CPTS, et par eux seuls. "
        "Rien sur un patient.",
    )

    @classmethod
    def of(cls, record: CptsProfessional | CptsStructure) -> "NoteForm":
        return cls(initial={"note": record.note, "version": record.version})


class AddForm(forms.Form):
    rpps = RppsField(label="Numéro RPPS", help_text="11 chiffres.")


class ProfessionalForm(forms.Form):
    """A professional no national record knows yet, with the main place of practice."""

    rpps = RppsField(label="Numéro RPPS", help_text="11 chiffres.")
    family_name = forms.CharField(label="Nom d'exercice", max_length=80)
    given_name = forms.CharField(label="Prénom", max_length=80)
    profession = forms.ChoiceField(label="Profession", choices=Profession.choices)
    speciality = forms.ChoiceField(
        label="Spécialité (médecins)",
        required=False,
        choices=[("", "sans objet"), *Speciality.choices],
    )
    phone = PhoneField(label="Téléphone professionnel", required=False)
    email = forms.EmailField(
        label="Adresse électronique professionnelle", required=False, max_length=254
    )
    commune = forms.ChoiceField(label="Commune d'exercice")
    address = forms.CharField(label="Adresse du cabinet", required=False, max_length=200)
    age_from = forms.IntegerField(label="Reçoit à partir de (ans)", min_value=0, max_value=AGE_MAX)
    age_to = forms.IntegerField(label="Reçoit jusqu'à (ans)", min_value=0, max_value=AGE_MAX)
    kinds = forms.MultipleChoiceField(
        label="Lieux de soin",
        choices=CareKind.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    languages = forms.MultipleChoiceField(
        label="Langues parlées, outre le français",
        required=False,
        choices=Language.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data=None, *, communes, initial=None):
        usual = {"age_from": 0, "age_to": AGE_MAX, "kinds": [CareKind.OFFICE]}
        super().__init__(data, initial=usual | (initial or {}))
        self.fields["commune"].choices = [(each.pk, each.name) for each in communes]

    def row(self) -> ProfessionalRow:
        given = self.cleaned_data
        fields = ("rpps", "given_name", "family_name", "profession", "speciality", "phone", "email")
        return ProfessionalRow(
            **{name: given[name] for name in (*fields, "age_from", "age_to")},
            does_office=CareKind.OFFICE in given["kinds"],
            does_home=CareKind.HOME in given["kinds"],
            does_remote=CareKind.REMOTE in given["kinds"],
            languages=tuple(given["languages"]),
            places=(
                PlaceRow(insee=given["commune"], address=given["address"], phone=given["phone"]),
            ),
        )


class LinkForm(forms.Form):
    user = forms.ModelChoiceField(label="Compte", queryset=None, empty_label="choisir")
    method = forms.ChoiceField(label="Identité vérifiée par")

    def __init__(self, data=None, *, users, is_demo):
        super().__init__(data)
        self.fields["user"].queryset = users
        # A card is the person's own word, from their own account.
        refused = {LinkMethod.CARD} if is_demo else {LinkMethod.CARD, LinkMethod.DEMO}
        self.fields["method"].choices = [
            (value, label) for value, label in LinkMethod.choices if value not in refused
        ]


class DelegationForm(forms.Form):
    secretary = forms.ModelChoiceField(label="Secrétaire", queryset=None, empty_label="choisir")
    from_on = DateField(label="À partir du")
    until_on = DateField(
        label="Jusqu'au (inclus)",
        required=False,
        help_text="Laissez vide tant que vous ne connaissez pas la fin.",
    )

    def __init__(self, data=None, *, secretaries):
        super().__init__(data, initial={"from_on": timezone.localdate()})
        self.fields["secretary"].queryset = secretaries

    def clean(self):
        given = super().clean()
        start, end = given.get("from_on"), given.get("until_on")
        if start and end and end < start:
            self.add_error("until_on", "La date de fin précède la date de début.")
        return given


class LocumForm(forms.Form):
    locum = forms.ModelChoiceField(label="Remplaçant", queryset=None, empty_label="choisir")
    from_on = DateField(label="À partir du")
    until_on = DateField(label="Jusqu'au (inclus)")

    def __init__(self, data=None, *, professionals):
        super().__init__(data, initial={"from_on": timezone.localdate()})
        self.fields["locum"].queryset = professionals

    def clean(self):
        given = super().clean()
        start, end = given.get("from_on"), given.get("until_on")
        if start and end and end < start:
            self.add_error("until_on", "La date de fin précède la date de début.")
        return given


class StructureSearchForm(forms.Form):
    q = forms.CharField(
        label="Nom, catégorie, n° FINESS",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    kind = forms.ChoiceField(label="Catégorie", required=False)
    commune = forms.ChoiceField(label="Commune", required=False)

    def __init__(self, data, *, kinds, communes):
        super().__init__(data, auto_id="search-%s")
        self.fields["kind"].choices = EVERY + [(each.pk, each.label) for each in kinds]
        self.fields["commune"].choices = EVERY + [(each.pk, each.name) for each in communes]
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True


class ContactForm(forms.Form):
    """How to reach a service; `is_new` asks since when."""

    service = forms.CharField(
        label="Service",
        max_length=80,
        widget=forms.TextInput(attrs={"list": "services", "autocomplete": "off"}),
        help_text="Le nom du service, jamais celui d'une personne.",
    )
    phone = forms.CharField(
        label="Téléphone",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel"}),
    )
    email = forms.EmailField(
        label="Courriel du service", required=False, max_length=254, help_text="L'un ou l'autre."
    )
    from_on = DateField(label="Valable à partir du")

    def __init__(self, data=None, *, initial=None, is_new=True):
        super().__init__(data, initial={"from_on": timezone.localdate()} | (initial or {}))
        if not is_new:
            del self.fields["from_on"]


class MemberForm(forms.Form):
    seat = forms.ModelChoiceField(label="Personne", queryset=None, empty_label="choisir")
    function = forms.CharField(label="Fonction", required=False, max_length=80)
    from_on = DateField(label="À partir du")

    def __init__(self, data=None, *, seats):
        super().__init__(data, initial={"from_on": timezone.localdate()})
        self.fields["seat"].queryset = seats
