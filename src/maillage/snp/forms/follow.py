"""The short forms about an open request."""

from django import forms

from maillage.snp.enums import AgreementGiver, CancelledBy, InformMeans, InformResult, RefusalReason


class AgreementForm(forms.Form):
    giver = forms.ChoiceField(
        label="Qui a donné son accord ?", choices=AgreementGiver.choices, widget=forms.RadioSelect
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
