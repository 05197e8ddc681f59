"""The demonstration: real territories, fictitious people, stories told by calling the actions."""

import random
from collections.abc import Callable
from itertools import cycle

from django.db import transaction
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.models import User
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import roll_horizon
from maillage.availability.models import Slot
from maillage.demo.actions.cast import (
    fictitious_rpps,
    open_desk,
    people,
    seats,
    structures,
    weeks,
)
from maillage.demo.actions.ladder import agreements, choices, rings, roster
from maillage.demo.actions.past import thirty_days
from maillage.demo.actions.search import tell_search
from maillage.demo.actions.site import public_site
from maillage.demo.actions.stories import tell_stories
from maillage.demo.enums import FAMILY_NAMES, GIVEN_NAMES, MAIN, SMALL_STAFF, STAFF
from maillage.directory.models import Professional
from maillage.kernel import instance
from maillage.kernel.permissions import Actor
from maillage.territory.actions import create_cpts, load_extract, record_population, set_perimeter
from maillage.territory.enums import TerritoryFacts
from maillage.territory.gateway import read_extract, read_territories
from maillage.territory.models import Cpts

__all__ = ["build_demo", "fictitious_rpps"]

SEED = 20260101
Step = Callable[[str], None]


@transaction.atomic
def build_demo(*, by: Actor, step: Step = lambda name: None) -> dict[str, int]:
    """Fill an empty database. `step` is told each stage. Returns counts. Raises DomainError."""
    instance.declare(is_demo=True)
    step("Communes des territoires")
    load_extract(by=SYSTEM, extract=read_extract())
    draw = random.Random(SEED)  # noqa: S311 - a fixed seed on purpose
    names = cycle(
        (given, family)
        for family, given in zip(FAMILY_NAMES * 26, cycle(GIVEN_NAMES), strict=False)
    )
    numbers = iter(range(1, 100_000))
    for facts in read_territories():
        step(facts.name)
        cpts = _territory(facts)
        with scope(cpts=cpts):
            staff = STAFF if cpts.slug == MAIN else SMALL_STAFF
            open_desk(cpts)
            professionals = people(cpts, staff, names, numbers, draw)
            weeks(professionals, draw)
            seats(cpts, professionals)
    main = Cpts.objects.get(slug=MAIN)
    agreements(main)
    step("Créneaux des quatorze jours")
    roll_horizon(by=SYSTEM)
    with scope(cpts=main), timezone.override(main.zone):
        structures(main)
        public_site(main)
        rings(main)
        roster(main)
        step("Trente jours passés")
        thirty_days(main, draw)
        step("Demandes en cours")
        choices(main)
        tell_stories(main)
        tell_search(main)
    return {
        "cpts": Cpts.objects.count(),
        "professionals": Professional.objects.count(),
        "slots": Slot.objects.count(),
        "accounts": User.objects.count(),
    }


def _territory(facts: TerritoryFacts) -> Cpts:
    cpts = create_cpts(by=SYSTEM, slug=facts.slug, name=facts.name, finess=facts.finess)
    with scope(cpts=cpts):
        set_perimeter(
            by=SYSTEM,
            cpts=cpts,
            communes=facts.communes,
            from_on=facts.from_on,
            source=facts.perimeter_source,
            note=facts.perimeter_note,
        )
        if facts.population is not None:
            record_population(
                by=SYSTEM,
                cpts=cpts,
                population=facts.population,
                year=facts.population_year,
                source=facts.population_source,
                note=facts.population_note,
            )
    return cpts
