"""What a desk asks of the free slots."""

from django import forms

from maillage.directory.enums import Profession

MINUTES_MAX = 60


class FreeSlotForm(forms.Form):
    profession = forms.ChoiceField(label="Profession", choices=Profession.choices)
    commune = forms.ChoiceField(
        label="Autour de",
        error_messages={
            "required": "Choisissez la commune.",
            "invalid_choice": "Cette commune n'est pas connue.",
        },
    )
    minutes = forms.IntegerField(
        label="Trajet au plus (minutes)", min_value=0, max_value=MINUTES_MAX
    )

    def __init__(self, data, *, communes):
        super().__init__(data, auto_id="free-%s")
        self.fields["commune"].choices = [(each.pk, each.name) for each in communes]
