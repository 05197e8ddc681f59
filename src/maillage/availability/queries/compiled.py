"""A queryset made into SQL once for all, then run with other values.

To make the SQL of a rule costs more than to run it: a search run at each keystroke keeps it. The rule
stays said once, by its queryset; what changes from one run to the next is an `Asked` in it.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Expression, Field, QuerySet

from maillage.kernel.models import NATIONAL


class Asked(Expression):
    """A value known only when the statement is run, by its name."""

    def __init__(self, name: str, output_field: Field):
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler, connection):
        return "%s", [self]


class Compiled:
    """The SQL of a queryset, and its values: those it holds and those still to be said.

    Of national tables only: made once for every CPTS, it would keep the scope of the first.
    """

    def __init__(self, queryset: QuerySet):
        self.sql, self._values = queryset.query.sql_with_params()
        for model in apps.get_models():
            if f'"{model._meta.db_table}"' in self.sql and model.tenancy != NATIONAL:
                raise TypeError(f"{model.__name__} is not national: its rows are read in a scope")

    def values(self, **said: Any) -> list[Any]:
        """The values of a run; KeyError when one is not said."""
        adapted = {name: _adapted(value) for name, value in said.items()}
        return [adapted[each.name] if isinstance(each, Asked) else each for each in self._values]


def instant_reader() -> Callable[[Any], dt.datetime]:
    """What makes an instant of what the engine of the connection gave for one."""
    convert = getattr(connection.ops, "convert_datetimefield_value", None)
    if convert is None:
        return lambda value: value
    return lambda value: convert(value, None, connection)


def _adapted(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, dt.date):
        return connection.ops.adapt_datefield_value(value)
    return value
