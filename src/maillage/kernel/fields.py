"""Fields that several apps use: of forms, and of tables (sealed text, keyed hashes, opaque ids)."""

import datetime as dt
import secrets
import threading
import time
from typing import Any

from django import forms
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from maillage.kernel import crypto
from maillage.kernel.errors import LostUpdate
from maillage.kernel.identifiers import phone_digits


class DateField(forms.DateField):
    """A day, in the browser's own calendar."""

    widget = forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d")


class PhoneField(forms.CharField):
    """A French or international number; gives its digits, or nothing."""

    def __init__(self, *, label: str = "Téléphone", **given: Any) -> None:
        attrs = {"type": "tel", "autocomplete": "off", "inputmode": "tel"}
        super().__init__(label=label, max_length=30, widget=forms.TextInput(attrs=attrs), **given)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        digits = phone_digits(text) if text else ""
        if digits is None:
            raise forms.ValidationError(
                "Ce n'est pas un numéro de téléphone. Exemple : 03 85 00 00 00."
            )
        return digits


class UsualChoiceField(forms.ChoiceField):
    """A few buttons; the first answer, the usual one, when nothing is ticked."""

    widget = forms.RadioSelect

    def __init__(self, *, choices: Any, **given: Any) -> None:
        super().__init__(choices=choices, initial=choices[0][0], required=False, **given)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or self.initial


class VersionedForm(forms.Form):
    """Over a record that colleagues change too: it says at which version it was filled."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    conflict: LostUpdate | None = None

    def clean_version(self) -> int:
        return self.cleaned_data["version"] or 0

    def keep(self, conflict: LostUpdate) -> None:
        """What was typed stays, beside what a colleague wrote; the next try is made knowing it."""
        self.conflict = conflict
        typed: Any = self.data  # what a request posts, or a dictionary
        again = typed.copy()
        again["version"] = conflict.version
        self.data = again


# Opaque ids

_EPOCH_MS = 1_767_225_600_000  # 2026-01-01; 41 bits of milliseconds lead to 2095
_RANDOM_BITS = 22
_last_id = 0
_id_lock = threading.Lock()


def opaque_id() -> int:
    """A primary key given before the row is written: 41 bits of time, then chance; it always grows
    inside one process, so that the order of ids stays the order of writing."""
    global _last_id
    now = time.time_ns() // 1_000_000 - _EPOCH_MS
    with _id_lock:
        _last_id = max(_last_id + 1, (now << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))
        return _last_id


# Sealed columns


class Sealed:
    """A value as the database holds it. It opens with the id and the CPTS of its row, no other way;
    what reads rows as dictionaries opens it by hand (`opened`)."""

    __slots__ = ("field", "stored")

    def __init__(self, stored: str, field: "SealedTextField") -> None:
        self.stored, self.field = stored, field

    def open(self, pk: Any, cpts_id: Any) -> Any:
        """Raises LostKey, Altered."""
        text = crypto.open_sealed(self.stored, aad=self.field.place(pk, cpts_id))
        return self.field.from_text(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.stored == other.stored

    def __hash__(self) -> int:
        return hash(self.stored)

    def __str__(self) -> str:
        raise TypeError("a sealed value was shown without being opened")

    def __repr__(self) -> str:
        return f"<sealed {self.field.name}>"


def opened(value: Any, *, pk: Any, cpts_id: Any) -> Any:
    """What a dictionary of `values()` holds for a sealed column, in clear."""
    return value.open(pk, cpts_id) if isinstance(value, Sealed) else value


class SealedAttribute(DeferredAttribute):
    """Opens at the first reading: who never looks pays nothing."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname, self)
        if value is self:
            value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = value.open(instance.pk, getattr(instance, "cpts_id", None))
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that the database only holds sealed, bound to its table, column, row and CPTS.

    Nothing said (an empty text, NULL) is kept as it is: constraints and filters may ask whether
    something is there, never what. Written through a row only (`save`, `create`, `bulk_create`), or
    with `sealed_for(row, value)` in an `update`.
    """

    descriptor_class = SealedAttribute

    def place(self, pk: Any, cpts_id: Any) -> str:
        cpts = "" if cpts_id is None else cpts_id
        return f"{self.model._meta.db_table}|{self.column}|{pk}|{cpts}"

    def to_text(self, value: Any) -> str:
        text = str(value)
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"{self.name} holds {self.max_length} characters at most")
        return text

    def from_text(self, text: str) -> Any:
        return text

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return Sealed(value, self) if value else value

    def to_python(self, value: Any) -> Any:
        return value

    def sealed_for(self, row: Any, value: Any) -> Any:
        """`value` as the database will hold it in this row."""
        if value is None or value == "":
            return value
        place = self.place(row.pk, getattr(row, "cpts_id", None))
        return Sealed(crypto.seal(self.to_text(value), aad=place), self)

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        held = model_instance.__dict__.get(self.attname)
        if (
            not add
            and isinstance(held, Sealed)
            and crypto.key_of(held.stored) == crypto.current_key()
        ):
            return held
        return self.sealed_for(model_instance, getattr(model_instance, self.attname))

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Sealed):
            return value.stored
        if value is None or value == "":
            return value
        raise FieldError(f"{self.name} is sealed: it is neither compared nor written in clear")

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name in {"exact", "isnull"} else None

    def get_transform(self, lookup_name: str) -> Any:
        return None

    def value_from_object(self, obj: Any) -> Any:
        """For a dump of rows: still sealed."""
        return self.pre_save(obj, False)

    def value_to_string(self, obj: Any) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""


class SealedDateField(SealedTextField):
    """A day kept sealed; None when it is not known."""

    def to_text(self, value: dt.date) -> str:
        return value.isoformat()

    def from_text(self, text: str) -> dt.date:
        return dt.date.fromisoformat(text)


class KeyedHashField(models.TextField):  # type: ignore[type-arg]
    """A keyed hash of the text that the attribute `of` of the row gives, compared for equality only,
    inside one CPTS. Computed at each writing of the row."""

    def __init__(self, *args: Any, of: str = "", **kwargs: Any) -> None:
        self.of = of
        kwargs["blank"], kwargs["editable"] = True, False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for implied in ("blank", "editable"):
            kwargs.pop(implied, None)
        return name, path, args, kwargs | {"of": self.of}

    @property
    def purpose(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def pre_save(self, model_instance: Any, add: bool) -> str:
        value = crypto.keyed_hash(
            getattr(model_instance, self.of), purpose=self.purpose, cpts=model_instance.cpts_id
        )
        setattr(model_instance, self.attname, value)
        return value


def hashes_of(model: type[models.Model], name: str, text: str, cpts_id: Any) -> list[str]:
    """What a KeyedHashField may hold for `text` in a CPTS: one value per key of the ring."""
    field: Any = model._meta.get_field(name)
    return crypto.keyed_hashes(text, purpose=field.purpose, cpts=cpts_id)
