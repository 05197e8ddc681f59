"""Who a person is, as somebody types it to look for them or to write them down."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms

from maillage.kernel.fields import DateField, PhoneField

OFF = {"autocomplete": "off"}


def commune_text(commune: Any) -> str:
    return f"{commune.name} ({commune.departement})" if commune else ""


class IdentityForm(forms.Form):
    """`communes_named`: the communes a text may mean."""

    phone = PhoneField(required=False)
    family_name = forms.CharField(
        label="Nom", required=False, max_length=80, widget=forms.TextInput(attrs=OFF)
    )
    given_name = forms.CharField(
        label="Prénom", required=False, max_length=80, widget=forms.TextInput(attrs=OFF)
    )
    birth_date = DateField(label="Date de naissance", required=False)
    commune = forms.CharField(
        label="Commune",
        required=False,
        max_length=130,
        widget=forms.TextInput(attrs={"list": "communes"} | OFF),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        communes_named: Callable[[str], Sequence[Any]],
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self._communes_named = communes_named

    def clean_commune(self) -> Any:
        text = self.cleaned_data["commune"]
        if not text:
            return None
        communes = self._communes_named(text)
        if not communes:
            raise forms.ValidationError("Commune inconnue : vérifiez le nom, ou laissez vide.")
        if len(communes) > 1:
            told = ", ".join(commune_text(each) for each in communes[:6])
            raise forms.ValidationError(f"Plusieurs communes portent ce nom : {told}.")
        return communes[0]


class PersonSearchForm(IdentityForm):
    """By whole keys, never by a piece of a name; the page says which go together."""

    def __init__(self, data: Any = None, **given: Any) -> None:
        super().__init__(data, **given)
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        has_name = given.get("family_name") and (given.get("birth_date") or given.get("commune"))
        if not self.errors and not given.get("phone") and not has_name:
            raise forms.ValidationError(
                "Indiquez un téléphone, ou un nom avec une date de naissance ou une commune."
            )
        return given
