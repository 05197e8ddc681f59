"""Rows whose time has come, found from what each table declares of itself."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from maillage.kernel.models import JournalLine
from maillage.kernel.retention import Retention, RetentionClass, declared, parts_of, retention_of
from maillage.rights.enums import CountedFrom, Step
from maillage.rights.models import RetentionRule
from maillage.rights.queries.durations import rules_in_force
from maillage.territory.models import Cpts

Table = type[models.Model]
KEEPING = {models.PROTECT, models.RESTRICT, models.DO_NOTHING}


@dataclass(frozen=True, slots=True)
class Due:
    """One table, one step of it, and the rule that brings it."""

    model: Table
    said: Retention
    step: str
    rule: RetentionRule

    @property
    def label(self) -> str:
        return self.model._meta.label


def due_steps(cpts: Cpts | None, today: dt.date) -> list[Due]:
    """What is to be looked at: the tables of the CPTS, or those of nobody in particular (None)."""
    rules = rules_in_force(cpts, today)
    return [
        Due(model, said, step, rules[said.kind, step])
        for step in (Step.ERASE, Step.DELETE)
        for model, said in declared()
        if _is_root(said) and _is_here(model, cpts) and _does(model, said, step)
        if (said.kind, step) in rules
    ]


def _is_root(said: Retention) -> bool:
    return said.kind != RetentionClass.JOURNAL and not said.part_of and said.ends is not None


def _does(model: Table, said: Retention, step: str) -> bool:
    return bool(said.erases) if step == Step.ERASE else said.is_deleted


def _cpts_field(model: Table) -> Any:
    try:
        return model._meta.get_field("cpts")
    except FieldDoesNotExist:
        return None


def _is_here(model: Table, cpts: Cpts | None) -> bool:
    field = _cpts_field(model)
    return field is not None if cpts is not None else field is None or field.null


def due_rows(due: Due, cpts: Cpts | None, today: dt.date) -> models.QuerySet:
    """Rows this step is to be done on: over for long enough, not done, held by nothing."""
    rows = with_end(due.model, due.said)
    if _cpts_field(due.model) is not None:
        rows = rows.filter(cpts=cpts)
    limit = today - dt.timedelta(days=due.rule.days)
    if due.rule.counted_from == CountedFrom.CONTRACT:
        contract = due.rule.contract_ends_on
        rows = rows.filter(ended_by(rows, contract)) if contract <= limit else rows.none()
    else:
        rows = rows.filter(ended_by(rows, limit))
    for holder, fk in _holders(due.model):
        theirs = with_end(holder, retention_of(holder)).filter(**{fk: OuterRef("pk")})
        rows = rows.filter(~Exists(theirs.filter(~ended_by(theirs, limit) | Q(over=None))))
    if due.step == Step.ERASE:
        return rows.filter(erased_at=None)
    return rows.filter(*(~each for each in _references(due.model)))


def journal_before(cpts: Cpts | None, today: dt.date) -> dt.datetime | None:
    """The instant before which the lines of the journal are to be sealed; None: nobody decided."""
    rule = rules_in_force(cpts, today).get((RetentionClass.JOURNAL, Step.DELETE))
    if rule is None:
        return None
    day = today - dt.timedelta(days=rule.days) + dt.timedelta(days=1)
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def old_lines(cpts: Cpts | None, today: dt.date) -> models.QuerySet:
    """Lines of the journal whose time has come, the seals of those that went before apart."""
    before = journal_before(cpts, today)
    lines = JournalLine.objects.filter(cpts_id=cpts.pk if cpts is not None else None)
    if before is None:
        return lines.none()
    return lines.filter(at__lt=before).exclude(kind=JournalLine.Kind.SEAL)


def with_end(model: Table, said: Retention) -> models.QuerySet:
    """Every row with `over`: what its time counts from, NULL while it is not over."""
    ends = said.ends() if callable(said.ends) else said.ends
    return model._base_manager.annotate(over=F(ends) if isinstance(ends, str) else ends)


def ended_by(rows: models.QuerySet, day: dt.date) -> Q:
    """Over on this day at the latest, in the wall clock of here."""
    if isinstance(rows.query.annotations["over"].output_field, models.DateTimeField):
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time())
        return Q(over__lt=timezone.make_aware(midnight))
    return Q(over__lte=day)


def _holders(model: Table) -> list[tuple[Table, str]]:
    """Tables whose unfinished rows keep rows of this one, with their foreign key."""
    return [
        (holder, fk)
        for holder, said in declared()
        for fk in said.holds
        if holder._meta.get_field(fk).related_model is model
    ]


def _references(model: Table) -> list[Exists]:
    """What still refers to a row or to its parts, and would be left without it."""
    parts = parts_of(model)
    own = {part for part, _, _ in parts}
    found = [
        Exists(other._base_manager.filter(**{field.name: OuterRef("pk")}))
        for other, field in pointing_at(model)
        if other not in own and field.remote_field.on_delete in KEEPING
    ]
    for part, fk, _ in parts:
        theirs = part._base_manager.filter(**{fk: OuterRef("pk")})
        found += [Exists(theirs.filter(each)) for each in _references(part)]
    return found


@cache
def pointing_at(model: Table) -> list[tuple[Table, models.ForeignKey]]:
    """Every foreign key of the platform to this table, named or not."""
    return [
        (other, field)
        for other in apps.get_models(include_auto_created=True)
        for field in other._meta.concrete_fields
        if field.is_relation and field.related_model is model
    ]
