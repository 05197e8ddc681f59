"""Constraints that hold the tenant in the database, declared on the model like any other."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import DEFAULT_DB_ALIAS, models


class TenantForeignKey(models.BaseConstraint):
    """On PostgreSQL, `(cpts_id, <field>_id)` references `(cpts_id, id)` of the target.

    A plain foreign key bypasses row-level security and accepts a neighbour's row; this one does not.
    SQLite cannot add a foreign key after the fact: there the action's own check stands alone.
    `field` names a ForeignKey of the model to a model "of a CPTS" (a NULL is not checked).
    """

    def __init__(self, *, field: str, name: str) -> None:
        self.field = field
        super().__init__(
            name=name, violation_error_message="L'objet lié appartient à une autre CPTS."
        )

    def _sql(self, model: type[models.Model], schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        field = model._meta.get_field(self.field)
        target: Any = field.related_model
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (cpts_id, {quote(field.column)}) "  # type: ignore[union-attr]
            f"REFERENCES {quote(target._meta.db_table)} (cpts_id, id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.deferred_sql.append(self._sql(model, schema_editor))
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        # At the end of the migration: the UNIQUE (cpts, id) it refers to may be written after it.
        return self.constraint_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        if schema_editor.connection.vendor == "postgresql":
            quote = schema_editor.quote_name
            return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"
        return ""

    def validate(
        self,
        model: Any,
        instance: Any,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing at form level: the action has looked the object up inside its scope."""

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs.pop("violation_error_message", None)
        return path, args, kwargs | {"field": self.field}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TenantForeignKey):
            return (self.name, self.field) == (other.name, other.field)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.field))


class PostgresExclusion(ExclusionConstraint):
    """An exclusion constraint where the engine has them; elsewhere the action's check stands alone."""

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor == "postgresql":
            return super().constraint_sql(model, schema_editor)
        return ""

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor == "postgresql":
            return super().create_sql(model, schema_editor)
        return ""

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor == "postgresql":
            return super().remove_sql(model, schema_editor)
        return ""

    def validate(
        self,
        model: Any,
        instance: Any,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing at form level: the action looks for overlaps itself, on both engines."""
