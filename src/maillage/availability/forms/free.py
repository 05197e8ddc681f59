"""What a desk asks of the free slots."""

from django import forms
from django.core.exceptions import ValidationError
from markupsafe import Markup, escape

from maillage.directory.enums import Profession

MINUTES_MAX = 60


class PlainSelect(forms.Select):
    """The same list, written at once: Django's own draws a template for each of its options.

    `labels`: by code, in their order.
    """

    labels: dict[str, str]

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
            for code, label in self.labels.items()
        )
        return Markup(f"<select{about}>{options}</select>")


class LabelField(forms.CharField):
    """One code of `labels`: a dictionary, since there may be hundreds, at each search."""

    widget = PlainSelect
    default_error_messages = {"invalid_choice": "Choisissez dans la liste."}

    def __init__(self, *, labels, **about):
        super().__init__(**about)
        self.offer(labels)

    def offer(self, labels: dict[str, str]) -> None:
        self.labels = self.widget.labels = labels

    def validate(self, value):
        super().validate(value)
        if value not in self.labels:
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")


class FreeSlotForm(forms.Form):
    profession = LabelField(label="Profession", labels=dict(Profession.choices))
    commune = LabelField(
        label="Autour de",
        labels={},
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
        self.fields["commune"].offer(communes)
