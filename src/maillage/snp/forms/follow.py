"""The short forms about an open request."""

from django import forms

from maillage.kernel.fields import UsualChoiceField
from maillage.residents.enums import (
    AgreementGiver,
    AgreementMeans,
    InformationMeans,
    SharingScope,
)
from maillage.snp.enums import (
    CancelledBy,
    GlassMotive,
    GlassReview,
    InformMeans,
    InformResult,
    RefusalReason,
)


class AgreementForm(forms.Form):
    """Who agreed, to share with whom, how. Only the first is asked: the two others are usual."""

    giver = forms.ChoiceField(
        label="Qui a donné son accord ?", choices=AgreementGiver.choices, widget=forms.RadioSelect
    )
    scope = UsualChoiceField(label="Partage accepté avec", choices=SharingScope.choices)
    means = UsualChoiceField(label="Recueilli", choices=AgreementMeans.choices)


class InformationForm(forms.Form):
    means = forms.ChoiceField(
        label="Comment l'information a-t-elle été donnée ?",
        choices=InformationMeans.choices,
        widget=forms.RadioSelect,
    )


class InformForm(forms.Form):
    means = forms.ChoiceField(choices=InformMeans.choices)
    result = forms.ChoiceField(choices=InformResult.choices)


class OutcomeForm(forms.Form):
    outcome = forms.ChoiceField(choices=[("honoured", "honoré"), ("missed", "non honoré")])


class CancelForm(forms.Form):
    cancelled_by = forms.ChoiceField(
        label="Qui annule ?", choices=CancelledBy.choices, widget=forms.RadioSelect
    )


class ConfirmForm(forms.Form):
    taken_over_by = forms.CharField(
        label="Qui, au 15, a repris l'appel ?",
        max_length=120,
        help_text="Nom ou fonction : « ARM », « médecin régulateur ».",
        error_messages={"required": "Indiquez qui a repris l'appel."},
    )


class RefusalForm(forms.Form):
    reason = forms.ChoiceField(
        label="Pourquoi ?",
        choices=RefusalReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez une raison dans la liste."},
    )


class GlassForm(forms.Form):
    """One request by its number, and why its identity must be seen now."""

    number = forms.IntegerField(
        label="N° de la demande",
        min_value=1,
        max_value=2_147_483_647,
        help_text="Écrit en tête de la demande, ou dit par la régulation au téléphone.",
    )
    motive = forms.ChoiceField(label="Motif", choices=GlassMotive.choices, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Pourquoi, en une phrase",
        max_length=200,
        help_text="Sans le nom du patient : cette phrase est lue lors de la relecture.",
    )


class GlassReviewForm(forms.Form):
    review = forms.ChoiceField(choices=GlassReview.choices)
