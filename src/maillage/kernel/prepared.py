"""A query of every request, whose statement the ORM writes once.

Writing a statement costs several times what the database takes to answer one row: this is for the few
that each poll of each screen asks. Anywhere else, an ordinary queryset.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

SAMPLES: dict[type, Callable[[int], Any]] = {
    int: lambda number: -987_654_321 - number,
    str: lambda number: f"\x01 value {number}",
    dt.date: lambda number: dt.date(1, 1, 1 + number),
}


class Prepared:
    """`Prepared(make, user=int, day=dt.date)`: `make` gives the queryset of values of these types;
    called with others, the instances it finds, those of `select_related` included.

    Every value must go to the database as a parameter, as it is given: no `in`, no expression.
    """

    def __init__(self, make: Callable[..., models.QuerySet[Any]], **types: type) -> None:
        self.make, self.types = make, types
        self.written: dict[str, tuple[Any, str, list[tuple[str, Any]]]] = {}

    def __call__(self, **values: Any) -> list[Any]:
        compiler, sql, places = self.written.get(connection.vendor) or self._write()
        given = {name: _sent(value) for name, value in values.items()}
        with connection.cursor() as cursor:
            cursor.execute(sql, [given[name] if name else fixed for name, fixed in places])
            rows = cursor.fetchall()
        return list(_instances(compiler, rows))

    def _write(self) -> tuple[Any, str, list[tuple[str, Any]]]:
        samples = {name: SAMPLES[kind](n) for n, (name, kind) in enumerate(self.types.items())}
        compiler = self.make(**samples).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        names = {_sent(sample): name for name, sample in samples.items()}
        places = [(names.get(each, ""), each) for each in params]
        if {name for name, _ in places} - {""} != set(self.types):
            raise TypeError("a value of a prepared query is not a parameter of its statement")
        self.written[connection.vendor] = compiler, sql, places
        return self.written[connection.vendor]


def _sent(value: Any) -> Any:
    """As the fields give it to the engine."""
    return connection.ops.adapt_datefield_value(value) if isinstance(value, dt.date) else value


def _instances(compiler: Any, rows: list[tuple[Any, ...]]) -> Any:
    """As Django's ModelIterable makes them."""
    about, select = compiler.klass_info, compiler.select
    start, end = about["select_fields"][0], about["select_fields"][-1] + 1
    names = [each[0].target.attname for each in select[start:end]]
    related = get_related_populators(about, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    for row in compiler.results_iter([rows]):
        found = about["model"].from_db(DEFAULT_DB_ALIAS, names, row[start:end])
        for each in related:
            each.populate(row, found)
        yield found
