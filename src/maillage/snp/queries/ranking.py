"""Who can answer a request, best first and why; everybody else with the reason they are left out."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from django.utils import timezone

from maillage.compute import ranking
from maillage.directory.enums import CareKind
from maillage.directory.models import Professional
from maillage.kernel.words import day
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.desk import settings_of
from maillage.snp.queries.ladder import late_hours
from maillage.snp.queries.pool import (
    Pool,
    answers,
    bar,
    full_name,
    pool_of,
    takes_age,
    title_and_job,
    without,
)
from maillage.snp.queries.words import hours_text
from maillage.territory import queries as territory
from maillage.territory.enums import zone_of

SHOWN_SLOTS = 4


@dataclass(frozen=True, slots=True)
class OfferedSlot:
    """A slot on a row: `label` is its hour, with its day when it is not today; `when` always says
    the day; `late_hours` the deadline it is already after, 0 when it keeps both."""

    id: int
    label: str
    mode: str
    kind: str
    places_left: int
    late_hours: int = 0
    when: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A professional before one request: ranked (from 1), or left out and why. `partner` names the
    neighbour CPTS that lends them, under `agreement_id`."""

    professional_id: int
    name: str
    job: str
    commune: str
    insee: str
    phone: str
    rank: int = 0
    left_out: str = ""
    travel_minutes: float | None = None
    travel_text: str = ""
    travel_source: str = ""
    load: int = 0
    reasons: tuple[str, ...] = ()
    after: str = ""
    runner_up: str = ""
    slots: tuple[OfferedSlot, ...] = ()
    partner: str = ""
    agreement_id: int | None = None


# [professional id, rank or 0, index of the sentence or -1] of each; the sentences.
Kept = tuple[list[list[int]], list[str]]


@dataclass(frozen=True, slots=True)
class LeftOutGroup:
    """Those left out for one reason, in one line; `names` is empty where a count says enough."""

    reason: str
    count: int
    names: str


OTHER_PROFESSION = ranking.left_out_sentence(ranking.LeftOut.PROFESSION)


@dataclass(frozen=True, slots=True)
class Matching:
    """Everybody in the directory, those ranked first and in order."""

    ranked: tuple[Candidate, ...]
    left_out: tuple[Candidate, ...]

    @property
    def left_out_groups(self) -> list[LeftOutGroup]:
        """By reason, the shortest list first; those of another profession counted, not named."""
        return groups_of((each.left_out, each.name) for each in self.left_out)


def groups_of(left_out: Iterable[tuple[str, str]]) -> list[LeftOutGroup]:
    """Pairs of a reason and a name, gathered by reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for reason, name in left_out:
        by_reason[reason].append(name)
    groups = [
        LeftOutGroup(reason, len(names), "" if reason == OTHER_PROFESSION else ", ".join(names))
        for reason, names in by_reason.items()
    ]
    return sorted(groups, key=lambda group: (not group.names, group.count, group.reason))


def _candidates(
    care_request: CareRequest, pool: Pool, travel: dict, where: dict[int, str]
) -> ranking.Candidates:
    people = pool.people
    minutes = [getattr(travel.get(where[p["pk"]]), "minutes", None) for p in people]
    kinds = {f"does_{kind}" for kind in pool.kinds}
    with_slots = {slot[0] for slot in pool.slots}
    return ranking.Candidates(
        answers_profession=np.array(
            [answers(care_request, p["profession"], p["speciality"]) for p in people], dtype=bool
        ),
        takes_age=np.array(
            [takes_age(care_request, p["age_from"], p["age_to"]) for p in people], dtype=bool
        ),
        does_kind=np.array([any(p[kind] for kind in kinds) for p in people], dtype=bool),
        barred=np.array([bar(p, with_slots, pool.now) for p in people], dtype=np.int8),
        is_in_circle=np.array([p["is_in_circle"] for p in people], dtype=bool),
        is_same_commune=np.array(
            [where[p["pk"]] == care_request.commune_id for p in people], dtype=bool
        ),
        is_usual_doctor=np.array(
            [p["pk"] == care_request.usual_doctor_id for p in people], dtype=bool
        ),
        travel_minutes=np.array([np.nan if m is None else m for m in minutes], dtype=float),
        load_30_days=np.array([p["load"] for p in people], dtype=np.int64),
    )


def _offered(pool: Pool, now: dt.datetime) -> ranking.OfferedSlots:
    index = {p["pk"]: i for i, p in enumerate(pool.people)}
    return ranking.OfferedSlots(
        professional=np.array([index[s[0]] for s in pool.slots], dtype=np.int64),
        start_minutes=np.array(
            [max(0, int((s[2] - now).total_seconds() // 60)) for s in pool.slots], dtype=np.int64
        ),
        is_free=np.array([s[7] > 0 for s in pool.slots], dtype=bool),
        is_kind=np.array([s[5] in pool.kinds for s in pool.slots], dtype=bool),
    )


def matching_for(
    care_request: CareRequest,
    *,
    now: dt.datetime | None = None,
    settings: DeskSettings | None = None,
    shown: int | None = None,
    only: int | None = None,
    asked: Iterable[Proposal] | None = None,
    promised: Counter[int] | None = None,
) -> Matching:
    """Rank the professionals of the directory for a request.

    `shown`: how many rows get their sentences and slots (all by default); `only`: one professional;
    `asked`: the proposals of the request, when already read; `promised`: places of each slot kept
    for other requests. Four queries at most beside the settings, whatever the size of the directory.
    """
    now = (now or timezone.now()).replace(second=0, microsecond=0)
    settings = settings or settings_of(care_request.cpts, now)
    pool = without(pool_of(care_request, settings, now, only, asked), promised or Counter())
    first_free: dict[int, tuple] = {}
    by_person: dict[int, list[tuple]] = defaultdict(list)
    people = pool.people
    for slot in pool.slots:
        if slot[7] > 0 and slot[5] in pool.kinds:
            first_free.setdefault(slot[0], slot)
            by_person[slot[0]].append(slot)
    where = {
        p["pk"]: first_free[p["pk"]][8] if p["pk"] in first_free else p["insee"] for p in people
    }
    travel = territory.travel_minutes(care_request.commune, set(filter(None, where.values())))
    result = ranking.rank(
        candidates=_candidates(care_request, pool, travel, where),
        slots=_offered(pool, now),
        weights=weights_of(settings),
        has_travel=pool.kinds != {CareKind.REMOTE},
    )
    return Matching(
        ranked=ranked_rows(
            *(care_request, people, result, travel, where, by_person, now),
            *(range(len(result.order))[:shown], settings),
        ),
        left_out=_left_out(people, result)
        + tuple(_card(person, left_out=pool.told[person["pk"]]) for person in pool.asked),
    )


def weights_of(settings: DeskSettings) -> ranking.RankingWeights:
    return ranking.RankingWeights(
        weight_delay=settings.weight_delay,
        weight_travel=settings.weight_travel,
        usual_doctor_minutes=settings.usual_doctor_minutes,
        load_minutes=settings.load_minutes,
        max_travel_minutes=settings.max_travel_minutes,
    )


def _card(person: dict, **values) -> Candidate:
    _, job = title_and_job(person["profession"], person["speciality"])
    agreement = person.get("agreement")
    partner = agreement.partner_of(person["of_cpts"]).name if agreement else ""
    return Candidate(
        professional_id=person["pk"],
        name=full_name(person),
        job=job,
        commune=values.pop("commune", None) or person["commune_name"] or "lieu inconnu",
        insee=values.pop("insee", None) or person["insee"] or "",
        phone=person["phone"],
        partner=partner,
        agreement_id=agreement.pk if agreement else None,
        **values,
    )


def _left_out(people: list[dict], result: ranking.Ranking) -> tuple[Candidate, ...]:
    return tuple(
        _card(person, left_out=ranking.left_out_sentence(code))
        for person, code in zip(people, result.left_out.tolist(), strict=True)
        if code != ranking.LeftOut.NONE
    )


def ranked_rows(
    care_request: CareRequest,
    people: list[dict],
    result: ranking.Ranking,
    travel: dict,
    where: dict[int, str],
    by_person: dict[int, list[tuple]],
    now: dt.datetime,
    positions: Sequence[int],
    settings: DeskSettings,
) -> tuple[Candidate, ...]:
    """The rows at these positions of the order (0 is the first)."""
    zone = ZoneInfo(care_request.cpts.zone)
    order = result.order.tolist()
    # The row before is told in its sentence; the one after is its runner-up.
    near = {near for at in positions for near in (at - 1, at, at + 1)}
    told = sorted(near & set(range(len(order))))
    names = {order[at]: _card(people[order[at]]).name for at in told}
    routes = {i: travel.get(where[people[i]["pk"]]) for i in names}
    wanted = [at for at in told if at in positions or at - 1 in positions]
    texts = ranking.sentences(
        ranking=result,
        positions=wanted,
        names=names,
        origin=now.astimezone(zone),
        known_travel={i for i, route in routes.items() if getattr(route, "known", "")},
    )
    texts = dict(zip(wanted, texts, strict=True))
    rows = []
    for at in positions:
        i = order[at]
        person = people[i]
        after = texts[at + 1].after if at + 1 in texts else ""
        rows.append(
            _card(
                person,
                commune=by_person[person["pk"]][0][9],
                insee=where[person["pk"]],
                rank=at + 1,
                **_trip(routes[i]),
                load=int(result.load_30_days[i]),
                reasons=texts[at].reasons,
                after=texts[at].after,
                runner_up=f"{names[order[at + 1]]} {after}" if after else "",
                slots=_slots(by_person[person["pk"]], now, care_request, settings),
            )
        )
    return tuple(rows)


def _trip(route: territory.Travel | None) -> dict:
    if route is None:
        return {"travel_text": "trajet inconnu"}
    source = "" if route.same_commune else route.source
    return {
        "travel_minutes": route.minutes,
        "travel_text": route.text,
        "travel_source": source,
    }


def _slots(
    slots: list[tuple], now: dt.datetime, care_request: CareRequest, settings: DeskSettings
) -> tuple[OfferedSlot, ...]:
    received_at = care_request.received_at
    return tuple(
        _slot(slot, now, late_hours(received_at, slot[3] if slot[4] else slot[2], settings))
        for slot in slots[:SHOWN_SLOTS]
    )


def _slot(slot: tuple, now: dt.datetime, late: int) -> OfferedSlot:
    _, pk, starts_at, ends_at, is_window, kind, mode, places_left, insee, _ = slot
    zone = ZoneInfo(zone_of(insee))
    hours = hours_text(starts_at, ends_at, is_window, zone)
    on = day(starts_at, zone, now)
    when = f"{on} {hours}"
    return OfferedSlot(
        id=pk,
        label=hours if on == "aujourd'hui" else when,
        mode=mode,
        kind=kind,
        places_left=places_left,
        late_hours=late,
        when=when,
    )


def candidate_for(
    care_request: CareRequest, professional_id: int, matching: Matching | None = None
) -> Candidate:
    """One professional before a request: their place in the whole order, or why they are left out."""
    matching = matching or matching_for(care_request)
    for candidate in (*matching.ranked, *matching.left_out):
        if candidate.professional_id == professional_id:
            return candidate
    name = str(Professional.objects.get(pk=professional_id))
    return Candidate(
        professional_id, name, "", "", "", "", left_out="n'est pas dans l'annuaire de votre CPTS"
    )


def shortlist_of(matching: Matching) -> Kept:
    """What to keep of a ranking: all but those of another profession."""
    out = {
        each.professional_id: each.left_out
        for each in matching.left_out
        if each.left_out != OTHER_PROFESSION
    }
    return keep_order([each.professional_id for each in matching.ranked], out)


def keep_order(ranked: Sequence[int], left_out: Mapping[int, str]) -> Kept:
    """Professional ids best first, and the sentences of the others by id: in the form kept."""
    sentences = list(dict.fromkeys(left_out.values()))
    index = {sentence: at for at, sentence in enumerate(sentences)}
    people = [[pk, rank, -1] for rank, pk in enumerate(ranked, start=1)]
    return people + [[pk, 0, index[said]] for pk, said in left_out.items()], sentences
