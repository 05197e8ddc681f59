"""What a desk asks of the free slots."""

from django import forms
from markupsafe import Markup, escape

from maillage.directory.enums import Profession

MINUTES_MAX = 60


class PlainSelect(forms.Select):
    """The same list, written at once: Django's own draws a template for each of its options."""

    def render(self, name, value, attrs=None, renderer=None):
        said = {"name": name} | self.build_attrs(self.attrs, attrs)
        about = "".join(
            f" {key}" if each is True else f' {key}="{escape(each)}"'
            for key, each in said.items()
            if each is not False and each is not None
        )
        chosen = str(value)
        options = "".join(
            f'<option value="{escape(code)}"{" selected" if code == chosen else ""}>'
            f"{escape(label)}</option>"
            for code, label in self.choices
        )
        return Markup(f"<select{about}>{options}</select>")


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
