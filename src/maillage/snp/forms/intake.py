"""The form of a call: signs first, then who, where, why."""

from django import forms

from maillage.directory.enums import CareKind, Profession
from maillage.kernel.fields import DateField, PhoneField, UsualChoiceField
from maillage.residents.enums import (
    AgreementGiver,
    AgreementMeans,
    InformationMeans,
    SharingScope,
)
from maillage.snp.enums import AgeBand, Channel, Reason

NONE_OF_THESE = "none"

ANOTHER_WORRY = "worry"

NEW_RECORD = "new"


def set_doubles(fields, doubles) -> None:
    """Offer the residents who may be the same person; ask nothing when there is none."""
    if not doubles:
        del fields["resident"]
        return

    def label(resident) -> str:
        born = f", né(e) le {resident.birth_date:%d/%m/%Y}" if resident.birth_date else ""
        return f"{resident}{born}"

    fields["resident"].choices = [
        *((str(each.pk), label(each)) for each in doubles),
        (NEW_RECORD, "Aucune de ces personnes : créer une fiche"),
    ]


def chosen_resident(value: str) -> str:
    """The id chosen among likely doubles, empty for a new record."""
    return "" if value == NEW_RECORD else value


class SignsForm(forms.Form):
    """Red flags first: one sign, or none of them."""

    sign = forms.ChoiceField(
        label="Y a-t-il un de ces signes ?",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Posez la question : cochez un signe, ou « aucun de ces signes »."
        },
    )

    def __init__(self, *args, flags, **kwargs):
        super().__init__(*args, **kwargs)
        self.flags = {str(flag.pk): flag for flag in flags}
        self.fields["sign"].choices = [
            *((key, flag.label) for key, flag in self.flags.items()),
            (NONE_OF_THESE, "Aucun de ces signes"),
        ]

    @property
    def red_flag(self):
        return self.flags.get(self.cleaned_data["sign"])


class SignsAgainForm(SignsForm):
    """Asked again about an open request: a worry that is in no list also goes to the 15."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["sign"].choices += [(ANOTHER_WORRY, "Autre inquiétude : transmettre au 15")]

    @property
    def is_worried(self) -> bool:
        return self.cleaned_data["sign"] == ANOTHER_WORRY


class CareRequestForm(SignsForm):
    """One call. Only the phone and the commune are needed when a sign is ticked."""

    form_key = forms.CharField(widget=forms.HiddenInput, max_length=36)
    out_of_hours_seen = forms.BooleanField(
        label="J'ai lu la consigne à l'appelant : en dehors des heures, c'est le 15 (ou le 112).",
        required=False,
    )
    # The button « c'est une autre demande », once the likely doubles were shown.
    double_checked = forms.BooleanField(required=False, widget=forms.HiddenInput)
    phone = PhoneField(label="Téléphone à rappeler")
    commune = forms.ChoiceField(
        label="Commune du patient", error_messages={"required": "Choisissez la commune."}
    )
    profession = forms.ChoiceField(
        label="Professionnel demandé", choices=Profession.choices, initial=Profession.DOCTOR
    )
    reason = forms.ChoiceField(
        label="Motif",
        choices=[("", "Choisir…"), *Reason.choices],
        required=False,
        widget=forms.Select(attrs={"data-asked": True}),
    )
    note = forms.CharField(
        label="Précision",
        max_length=200,
        required=False,
        help_text="Courte, sans nom ni diagnostic.",
    )
    age_band = forms.ChoiceField(
        label="Âge",
        choices=AgeBand.choices,
        required=False,
        widget=forms.RadioSelect(attrs={"data-asked": True, "data-cards": True}),
    )
    channel = forms.ChoiceField(
        label="Qui appelle", choices=Channel.choices, initial=Channel.PATIENT
    )
    # Ticked beforehand, shown and counted only when the 15 / SAS calls: never guessed elsewhere.
    sas_regulated = forms.BooleanField(
        label="Demandée par le médecin régulateur du SAS",
        required=False,
        initial=True,
        help_text="La majoration SNP du médecin en dépend. Décochez sans régulation médicale.",
    )
    ring = forms.ChoiceField(
        label="Cercle à solliciter d'abord",
        required=False,
        help_text="De la profession demandée. Sans cercle : toute la CPTS.",
    )
    caller_name = forms.CharField(label="Nom de l'appelant", max_length=80, required=False)
    sms_allowed = forms.BooleanField(
        label="Le numéro est celui du patient, ou l'appelant accepte un SMS", required=False
    )
    can_travel = forms.BooleanField(
        label="Le patient peut se déplacer", required=False, initial=True
    )
    kind = forms.ChoiceField(
        label="Lieu de soin",
        choices=[("", "Cabinet ou visite"), *CareKind.choices],
        required=False,
    )
    agreement_from = forms.ChoiceField(
        label="Accord de partage, donné par",
        choices=[("", "pas encore demandé"), *AgreementGiver.choices],
        required=False,
        widget=forms.RadioSelect,
        help_text="Sans accord, l'identité n'est montrée à aucun professionnel.",
    )
    agreement_scope = UsualChoiceField(label="Partage accepté avec", choices=SharingScope.choices)
    agreement_means = UsualChoiceField(label="Accord recueilli", choices=AgreementMeans.choices)
    information = forms.ChoiceField(
        label="Information sur les données",
        choices=[("", "pas encore donnée"), *InformationMeans.choices],
        required=False,
        widget=forms.RadioSelect,
    )
    family_name = forms.CharField(label="Nom du patient", max_length=80, required=False)
    given_name = forms.CharField(label="Prénom", max_length=80, required=False)
    birth_date = DateField(label="Date de naissance", required=False)
    resident = forms.ChoiceField(label="Déjà connu ?", required=False, widget=forms.RadioSelect)
    usual_doctor = forms.ChoiceField(label="Médecin traitant", required=False)

    def __init__(self, *args, communes, doctors, doubles=(), rings=(), has_notice=False, **kwargs):
        super().__init__(*args, **kwargs)
        if not has_notice:
            del self.fields["information"]
        self.fields["ring"].choices = [("", "Aucun"), *rings]
        if not rings:
            del self.fields["ring"]
        self.fields["commune"].choices = [("", "Choisir…"), *communes]
        self.choose_doctors(doctors)
        set_doubles(self.fields, doubles)

    def choose_doctors(self, doctors):
        self.fields["usual_doctor"].choices = [("", "Inconnu ou hors annuaire"), *doctors]

    def clean_resident(self):
        return chosen_resident(self.cleaned_data["resident"])

    def clean(self):
        data = super().clean()
        if data.get("sign") == NONE_OF_THESE:
            for name, sentence in (
                ("reason", "Choisissez le motif."),
                ("age_band", "Indiquez l'âge."),
            ):
                if not data.get(name):
                    self.add_error(name, sentence)
        data.setdefault("information", "")
        if data.get("channel") != Channel.SAS:
            data["sas_regulated"] = False
        if (data.get("given_name") or data.get("birth_date")) and not data.get("family_name"):
            self.add_error("family_name", "Indiquez le nom, ou laissez la demande anonyme.")
        return data


class PatientForm(forms.Form):
    """Who a request is for."""

    family_name = forms.CharField(label="Nom", max_length=80)
    given_name = forms.CharField(label="Prénom", max_length=80, required=False)
    birth_date = DateField(label="Date de naissance", required=False)
    resident = forms.ChoiceField(label="Déjà connu ?", required=False, widget=forms.RadioSelect)

    def __init__(self, *args, doubles=(), **kwargs):
        super().__init__(*args, **kwargs)
        set_doubles(self.fields, doubles)

    def clean_resident(self):
        return chosen_resident(self.cleaned_data["resident"])
