"""Dated settings and written rules of priority: a change is a new row, signed by somebody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from maillage.directory.models import CptsProfessional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed, Unchanged
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.enums import LAST_RANK, NEEDS, WITH_A_THRESHOLD, Criterion
from maillage.medecin_traitant.models import MtSettings, PriorityRule
from maillage.medecin_traitant.queries import last_settings, rules_of, settings_of
from maillage.medecin_traitant.rules import can_set
from maillage.territory.models import Cpts

PROMISED = range(30, 91)


class BadSettings(DomainError):
    """A setting that cannot hold."""


class BadRules(DomainError):
    """Rules of priority that cannot hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who meets the criterion (from the threshold on, where it has one) is in this class."""

    criterion: str
    rank: int
    threshold: int = 0


def _lock(by: Actor, cpts: Cpts) -> None:
    if not can_set(by, cpts):
        raise NotAllowed("Seuls un administrateur et la coordination règlent cette page.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)


def _check(cpts: Cpts, values: Mapping[str, Any], source: str) -> None:
    if not source.strip():
        raise BadSettings("Dites qui décide de ces réglages.")
    if values["promised_days"] not in PROMISED:
        raise BadSettings("La réponse se promet sous 30 à 90 jours.")
    responsible = values.get("responsible")
    if responsible is None and (values["asks_ald"] or values["asks_c2s"]):
        raise BadSettings(
            "L'ALD et la C2S ne se demandent que sous la responsabilité d'un professionnel de santé : "
            "nommez-le."
        )
    if responsible is not None:
        here = CptsProfessional.objects.filter(cpts=cpts, professional=responsible)
        if not here.in_force(timezone.localdate()).exists():
            raise BadSettings("Ce professionnel n'est pas dans l'annuaire de la CPTS.")


def _check_rules_stay(cpts: Cpts, values: Mapping[str, Any]) -> None:
    for rule in rules_of(cpts):
        switch = NEEDS.get(rule.criterion)
        if switch is not None and not values[switch]:
            label = Criterion(rule.criterion).label
            raise BadSettings(
                f"Une règle de priorité regarde ce champ ({label}) : changez-la d'abord."
            )


@transaction.atomic
def set_settings(*, by: Actor, cpts: Cpts, values: Mapping[str, Any], source: str) -> MtSettings:
    """Put settings in force from now on; the old ones stay readable.

    Raises NotAllowed, BadSettings (a promise out of bounds, health without a responsible, a field that
    a rule looks at switched off), Unchanged.
    """
    _lock(by, cpts)
    _check(cpts, values, source)
    _check_rules_stay(cpts, values)
    current = last_settings(cpts)
    if current is not None and all(getattr(current, k) == v for k, v in values.items()):
        raise Unchanged("Rien ne change : ces réglages sont déjà en service.")
    settings = MtSettings.objects.create(
        cpts=cpts,
        valid_from=timezone.now(),
        set_by_id=by.seat_id,
        source=source.strip(),
        **values,
    )
    journal.record("mt.settings_set", settings, by=by, cpts=cpts)
    pulse.bump(cpts.pk)
    return settings


@transaction.atomic
def set_rules(*, by: Actor, cpts: Cpts, rules: Iterable[Rule], source: str) -> list[PriorityRule]:
    """Write the rules of priority from now on: a whole list, which replaces the one before.

    Raises NotAllowed, MtNotSet, BadRules (empty, twice the same, a threshold missing, a field that is
    not switched on), Unchanged.
    """
    _lock(by, cpts)
    settings, given = settings_of(cpts), list(rules)
    _check_list(given, settings, source)
    held = {(each.criterion, each.threshold, each.rank) for each in rules_of(cpts)}
    if held == {(each.criterion, each.threshold, each.rank) for each in given}:
        raise Unchanged("Rien ne change : ces règles sont déjà en service.")
    now = timezone.now()
    written = [
        PriorityRule.objects.create(
            cpts=cpts,
            valid_from=now,
            set_by_id=by.seat_id,
            source=source.strip(),
            criterion=each.criterion,
            threshold=each.threshold,
            rank=each.rank,
        )
        for each in given
    ]
    journal.record("mt.rules_set", written[0], by=by, cpts=cpts, rules=len(written))
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return written


def _check_list(rules: list[Rule], settings: MtSettings, source: str) -> None:
    if not source.strip():
        raise BadRules("Dites qui décide de ces règles.")
    if not rules:
        raise BadRules("Écrivez au moins une règle.")
    if len({(each.criterion, each.threshold) for each in rules}) < len(rules):
        raise BadRules("Le même critère est écrit deux fois.")
    for each in rules:
        if each.criterion not in Criterion.values:
            raise BadRules("Ce critère n'est pas dans la liste.")
        label = Criterion(each.criterion).label
        if not 1 <= each.rank < LAST_RANK:
            raise BadRules(f"Une priorité va de 1 à {LAST_RANK - 1}.")
        if (each.criterion in WITH_A_THRESHOLD) != (each.threshold > 0):
            raise BadRules(f"Vérifiez le seuil : {label}.")
        switch = NEEDS.get(each.criterion)
        if switch is not None and not getattr(settings, switch):
            raise BadRules(f"La CPTS ne demande pas ce champ : {label}. Activez-le d'abord.")
