"""What a desk asks of the free slots."""

from django import forms
from markupsafe import Markup

from maillage.directory.enums import Profession

MINUTES_MAX = 60


class PlainSelect(forms.Select):
    """The same list, written at once: Django's own draws a template for each of its options."""

    def render(self, name, value, attrs=None, renderer=None):
        attrs = self.build_attrs(self.attrs, attrs)
        about = Markup("").join(
            Markup(" {}").format(key) if said is True else Markup(' {}="{}"').format(key, said)
            for key, said in ({"name": name} | attrs).items()
            if said is not False and said is not None
        )
        options = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(
                code, Markup(" selected") if str(code) == str(value) else "", label
            )
            for code, label in self.choices
        )
        return Markup("<select{}>{}</select>").format(about, options)


class FreeSlotForm(forms.Form):
    profession = forms.ChoiceField(
        label="Profession", choices=Profession.choices, widget=PlainSelect
    )
    commune = forms.ChoiceField(
        label="Autour de",
        widget=PlainSelect,
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
        self.fields["commune"].choices = list(communes.items())
