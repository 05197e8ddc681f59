"""The forms of the search for a médecin traitant."""

from django import forms
from django.utils.text import capfirst

from maillage.directory.enums import Language
from maillage.kernel.fields import DateField, PhoneField, UsualChoiceField
from maillage.medecin_traitant.enums import (
    AGE_MAX,
    AT_THE_DESK,
    HOUSEHOLD_MAX,
    LAST_RANK,
    NO_LIMIT,
    TRIPS,
    WITH_A_THRESHOLD,
    Answer,
    Criterion,
    RefusalReason,
    WishKind,
    WithdrawalReason,
)
from maillage.medecin_traitant.models import MtSettings
from maillage.residents.enums import AgreementGiver, AgreementMeans, InformationMeans

NEW_RECORD = "new"
UNSAID = ("", "pas demandé, ou sans réponse")


class SignalForm(forms.Form):
    """Somebody without a médecin traitant: what both the desk and a professional say."""

    form_key = forms.CharField(widget=forms.HiddenInput, max_length=36)
    family_name = forms.CharField(label="Nom", max_length=80)
    given_name = forms.CharField(label="Prénom", max_length=80)
    birth_date = DateField(label="Date de naissance")
    phone = PhoneField(label="Téléphone", required=False)
    commune = forms.ChoiceField(
        label="Commune", error_messages={"required": "Choisissez la commune."}
    )
    household_size = forms.IntegerField(
        label="Personnes du foyer sans médecin traitant",
        min_value=1,
        max_value=HOUSEHOLD_MAX,
        initial=1,
        help_text="Avec elle-même. Chacune a sa demande : enregistrez-les l'une après l'autre.",
    )
    can_travel = forms.BooleanField(label="Peut se rendre au cabinet", required=False, initial=True)
    travel_minutes_max = forms.TypedChoiceField(
        label="Trajet le plus long accepté",
        required=False,
        choices=[("", NO_LIMIT), *TRIPS],
        coerce=int,
        empty_value=None,
    )
    sms_allowed = forms.BooleanField(
        label="Accepte un SMS avec le lien de suivi", required=False, initial=True
    )

    def __init__(self, data=None, *, communes, initial=None):
        super().__init__(data, initial=initial)
        self.fields["commune"].choices = [("", "Choisir…"), *communes]


class IntakeForm(SignalForm):
    """At the desk. What the CPTS does not ask is not drawn."""

    channel = forms.ChoiceField(
        label="Arrivée par", choices=[(each.value, each.label) for each in AT_THE_DESK]
    )
    email = forms.EmailField(
        label="Adresse électronique",
        required=False,
        max_length=254,
        help_text="La CPTS y écrit où en est la demande, quand elle ne peut pas envoyer de SMS.",
    )
    ald = forms.ChoiceField(
        label="Affection de longue durée (ALD)",
        choices=[UNSAID, *Answer.choices],
        required=False,
        help_text="Oui ou non, jamais laquelle.",
    )
    c2s = forms.ChoiceField(label="C2S ou AME", choices=[UNSAID, *Answer.choices], required=False)
    language = forms.ChoiceField(
        label="Langue souhaitée", choices=[("", "français"), *Language.choices], required=False
    )
    last_doctor = forms.CharField(label="Dernier médecin", max_length=120, required=False)
    note = forms.CharField(
        label="Précision", max_length=200, required=False, help_text="Courte, sans diagnostic."
    )
    agreement_from = forms.ChoiceField(
        label="Accord de partage avec un médecin, donné par",
        choices=[("", "pas encore demandé"), *AgreementGiver.choices],
        required=False,
    )
    agreement_means = UsualChoiceField(label="Accord recueilli", choices=AgreementMeans.choices)
    information = forms.ChoiceField(
        label="Information sur les données",
        choices=[("", "pas encore donnée"), *InformationMeans.choices],
        required=False,
    )
    resident = forms.ChoiceField(label="Fiche", required=False)

    def __init__(self, data=None, *, communes, settings, doubles=(), notice=None, initial=None):
        super().__init__(data, communes=communes, initial=initial)
        for name in ("ald", "c2s", "language", "last_doctor"):
            if not getattr(settings, f"asks_{name}"):
                del self.fields[name]
        if notice is None:
            del self.fields["information"]
        if not doubles:
            del self.fields["resident"]
        else:
            self.fields["resident"].choices = [
                *((str(each.pk), _known(each)) for each in doubles),
                (NEW_RECORD, "Aucune de ces personnes : créer une fiche"),
            ]


def _known(resident) -> str:
    born = f", né(e) le {resident.birth_date:%d/%m/%Y}" if resident.birth_date else ""
    return f"{resident}{born}"


class FiltersForm(forms.Form):
    """What the list is narrowed to."""

    priorite = forms.ChoiceField(label="Priorité", required=False)
    commune = forms.ChoiceField(label="Commune", required=False)
    attente = forms.ChoiceField(
        label="Attente",
        required=False,
        choices=[("", "toutes"), ("30", "30 jours et plus"), ("60", "60 jours et plus")]
        + [("90", "90 jours et plus")],
    )
    etat = forms.ChoiceField(label="État", required=False)

    def __init__(self, data=None, *, communes, states):
        super().__init__(data)
        ranks = [(str(each), f"priorité {each}") for each in range(1, LAST_RANK)]
        self.fields["priorite"].choices = [
            ("", "toutes"),
            *ranks,
            (str(LAST_RANK), "sans priorité"),
        ]
        self.fields["commune"].choices = [("", "toutes"), *communes]
        self.fields["etat"].choices = [("", "ouvertes"), *states]


class WithdrawForm(forms.Form):
    reason = forms.ChoiceField(label="Raison", choices=WithdrawalReason.choices)


class CallForm(forms.Form):
    """The desk called: whether somebody answered, what they agreed to."""

    result = forms.ChoiceField(
        label="Appel",
        choices=[
            ("reached", "joint, prévenu d'où en est la demande"),
            ("silent", "pas de réponse"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Dites si la personne a répondu."},
    )
    agreement_from = forms.ChoiceField(
        label="Accord de partage avec un médecin, donné par",
        choices=[("", "pas demandé"), *AgreementGiver.choices],
        required=False,
    )
    agreement_means = UsualChoiceField(label="Accord recueilli", choices=AgreementMeans.choices)
    information = forms.ChoiceField(
        label="Information sur les données",
        choices=[("", "pas donnée à cet appel"), *InformationMeans.choices],
        required=False,
    )

    def __init__(self, data=None, *, notice=None):
        super().__init__(data)
        if notice is None:
            del self.fields["information"]


class SureForm(forms.Form):
    """One act, confirmed."""

    sure = forms.BooleanField(
        label="Oui, je confirme",
        error_messages={"required": "Cochez la case pour confirmer."},
    )


class CorrectionForm(forms.Form):
    """Typed again: what is held is never shown. Empty: nothing changes."""

    phone = PhoneField(label="Nouveau téléphone", required=False)
    commune = forms.ChoiceField(label="Nouvelle commune", required=False)
    household_size = forms.IntegerField(
        label="Personnes du foyer sans médecin traitant", required=False, min_value=1, max_value=20
    )
    can_travel = forms.TypedChoiceField(
        label="Se rendre au cabinet",
        required=False,
        choices=[("", "inchangé"), ("yes", "possible"), ("no", "impossible")],
        coerce=lambda said: said == "yes",
        empty_value=None,
    )
    travel_minutes_max = forms.TypedChoiceField(
        label="Trajet le plus long accepté",
        required=False,
        choices=[("", "inchangé"), ("0", NO_LIMIT), *TRIPS],
        coerce=int,
        empty_value=None,
    )

    def __init__(self, data=None, *, communes):
        super().__init__(data)
        self.fields["commune"].choices = [("", "inchangée"), *communes]


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code de suivi",
        max_length=24,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
        help_text="Celui que la CPTS vous a donné, par exemple « 1-AB2CD-3EF4G ».",
    )


class RefusalForm(forms.Form):
    reason = forms.ChoiceField(label="Raison du refus", choices=RefusalReason.choices)


class OfferForm(forms.Form):
    """What a doctor says. Two answers suffice; the rest is ready."""

    per_month = forms.IntegerField(
        label="Nouveaux patients par mois",
        min_value=0,
        max_value=200,
        help_text="0 : pas en ce moment.",
    )
    until_on = DateField(label="Jusqu'au")
    from_on = DateField(label="À partir du", required=False, help_text="Vide : aujourd'hui.")
    travel_minutes = forms.IntegerField(
        label="Patients à moins de (minutes)",
        min_value=1,
        max_value=240,
        required=False,
        help_text="Vide : la limite de la CPTS.",
    )
    age_from = forms.IntegerField(
        label="À partir de (ans)", min_value=0, max_value=AGE_MAX, initial=0
    )
    age_to = forms.IntegerField(
        label="Jusqu'à (ans)",
        min_value=0,
        max_value=AGE_MAX,
        initial=AGE_MAX,
        help_text="Pour un exercice pédiatrique, par exemple de 0 à 17 ans.",
    )
    home_visits = forms.BooleanField(label="Je me déplace à domicile", required=False)
    is_public = forms.BooleanField(
        label="Montrer aussi sur le site public",
        required=False,
        help_text="Sinon, la liste de la CPTS seulement.",
    )


class DoctorForm(forms.Form):
    """For whom the coordination writes."""

    professional = forms.ModelChoiceField(label="Médecin", queryset=None, empty_label="Choisir…")

    def __init__(self, data=None, *, doctors, initial=None):
        super().__init__(data, initial=initial)
        self.fields["professional"].queryset = doctors


class WishForm(DoctorForm):
    """What the person says of a doctor; nobody asks why."""

    kind = forms.ChoiceField(
        label="Souhait",
        choices=WishKind.choices,
        help_text="Souhaité : lui seul sera proposé, ou un autre noté de même.",
    )


class CpamForm(forms.Form):
    file = forms.FileField(
        label="Liste (CSV)",
        help_text="Colonnes nom, prenom, date_naissance, insee ; et telephone, courriel, ald, c2s "
        "s'il y en a. Elle est lue, jamais gardée.",
    )
    mode = forms.ChoiceField(
        label="Que faire",
        choices=[("try", "essai : dire ce qui serait fait"), ("load", "charger")],
        initial="try",
        widget=forms.RadioSelect,
    )


class SettingsForm(forms.ModelForm):
    class Meta:
        model = MtSettings
        fields = [
            "promised_days",
            "answer_days",
            "follow_up_days",
            "confirm_days",
            "remind_days",
            "reminders_max",
            "offer_days_max",
            "travel_minutes_max",
            "small_cell_min",
            "load_step_minutes",
            "heavy_step_minutes",
            "heavy_up_to_rank",
            "household_minutes",
            "asks_ald",
            "asks_c2s",
            "asks_language",
            "asks_last_doctor",
            "responsible",
            "cpam_basis",
            "source",
        ]

    def __init__(self, *args, professionals, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["responsible"].queryset = professionals
        self.fields["responsible"].empty_label = "personne"
        self.fields[
            "responsible"
        ].help_text = (
            "Sous sa responsabilité, le guichet et la coordination voient l'ALD et la C2S."
        )
        self.fields["cpam_basis"].help_text = "Vide : aucune liste de la CPAM n'est chargée."


class RulesForm(forms.Form):
    """One class for each criterion of the closed list; empty: no rule."""

    source = forms.CharField(label="Décidé par", max_length=200)

    def __init__(self, data=None, *, settings, initial=None, needs=None):
        super().__init__(data, initial=initial)
        ranks = [("", "pas de règle"), *((str(n), f"priorité {n}") for n in range(1, LAST_RANK))]
        self.criteria = []
        for criterion in Criterion:
            switch = (needs or {}).get(criterion)
            if switch is not None and not getattr(settings, switch):
                continue
            self.criteria.append(criterion)
            self.fields[f"rank_{criterion}"] = forms.ChoiceField(
                label=capfirst(criterion.label.partition(",")[0]), choices=ranks, required=False
            )
            if criterion in WITH_A_THRESHOLD:
                self.fields[f"threshold_{criterion}"] = forms.IntegerField(
                    label=capfirst(criterion.label), required=False, min_value=1, max_value=3650
                )
        self.order_fields([*(name for name in self.fields if name != "source"), "source"])

    def rules(self) -> list[tuple[str, int, int]]:
        """(criterion, class, threshold) of each rule written."""
        said = self.cleaned_data
        return [
            (each.value, int(said[f"rank_{each}"]), said.get(f"threshold_{each}") or 0)
            for each in self.criteria
            if said.get(f"rank_{each}")
        ]
