"""Rows written as a bug would, past every action: the database must refuse them by itself."""

from maillage.kernel.fields import SealedTextField


def change(row, **values):
    for name, value in values.items():
        field = row._meta.get_field(name)
        if isinstance(field, SealedTextField):
            values[name] = field.sealed_for(row, value)
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def copy(row, **values):
    data = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    data.pop("id")
    type(row)._base_manager.create(**data | values)
