"""Order of the professionals offered for unscheduled care, with its reasons.

Only those who may answer are ranked, the smallest score first, in minutes:

    score = weight_delay x delay of the earliest suitable slot
          + weight_travel x travel
          - usual_doctor_minutes when it is the patient's usual doctor
          + load_minutes x requests accepted over the last 30 days

A weighted sum rather than a strict order of criteria, so that a doctor five minutes later but half
an hour nearer comes first; the weights are settings of the CPTS. Ties: delay, travel, index.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Integers = NDArray[np.integer[Any]]

SCORE_DECIMALS = 6  # two sums that differ by less than a rounding error are a tie
NBSP = "\u00a0"
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


class LeftOut(IntEnum):
    """Why a professional is not ranked. When several hold, the smallest is told.

    What the person or the place makes impossible comes before what the day makes impossible, so
    that FULL means: could have answered; NOT_YET, that they may still be asked.
    """

    NONE = 0
    PROFESSION = 1
    AGE = 2
    KIND = 3  # never does this kind of care, or has slots but none of this kind
    TOO_FAR = 4
    ABSENT = 5
    PAUSED = 6  # asked for nothing more to come
    CAPPED = 7  # as many this week as they accept
    QUIET = 8  # quiet hours
    CLOSED = 9  # no slot at all
    FULL = 10  # slots of this kind, none free
    NOT_YET = 11  # could answer, in a circle that is not open yet


BARS = (LeftOut.ABSENT, LeftOut.PAUSED, LeftOut.CAPPED, LeftOut.QUIET)


class WhyNext(IntEnum):
    """What most put a professional behind the one before."""

    TIE = 0
    DELAY = 1
    TRAVEL = 2
    USUAL = 3
    LOAD = 4


class Reason(IntFlag):
    """What speaks for a ranked professional."""

    SOONEST = 1
    NEAREST = 2
    SAME_COMMUNE = 4
    USUAL_DOCTOR = 8
    LIGHT_LOAD = 16  # fewer accepted requests than the mean of those ranked


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingWeights:
    """Settings of a CPTS. Weights are per minute; the two others are worth so many minutes.

    Farther than `max_travel_minutes` is too far; an unknown travel counts as that much.
    """

    weight_delay: float
    weight_travel: float
    usual_doctor_minutes: float
    load_minutes: float
    max_travel_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """One value per professional. Travel in minutes, NaN when unknown.

    In the patient's own commune travel may be any value or NaN (then nothing); never too far.
    `barred` is 0, or the LeftOut code (ABSENT to QUIET) of what keeps them from being asked now.
    """

    answers_profession: Bools
    takes_age: Bools
    does_kind: Bools
    barred: NDArray[np.int8]
    is_in_circle: Bools
    is_same_commune: Bools
    is_usual_doctor: Bools
    travel_minutes: Floats
    load_30_days: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedSlots:
    """One value per slot, sorted by professional (an index) then start.

    Start in minutes from now; a slot already begun (negative) counts as now.
    """

    professional: Integers
    start_minutes: Integers
    is_free: Bools
    is_kind: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The answer. `order` holds indices of professionals, best first; `why_next[i]` says what put
    `order[i + 1]` after `order[i]`. The rest has one value per professional; for one left out:
    slot and delay -1, score NaN, parts 0, no reason.

    score = delay_part + travel_part + usual_part + load_part (rounded).
    """

    order: Indices
    why_next: NDArray[np.int8]
    left_out: NDArray[np.int8]
    reasons: NDArray[np.int8]
    slot: Indices
    score: Floats
    delay_minutes: NDArray[np.int64]
    travel_minutes: Floats
    load_30_days: Integers
    delay_part: Floats
    travel_part: Floats
    usual_part: Floats
    load_part: Floats
    has_travel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """French texts of one row: its reasons, and why it comes after the row before ("" if first)."""

    reasons: tuple[str, ...]
    after: str


def rank(
    *, candidates: Candidates, slots: OfferedSlots, weights: RankingWeights, has_travel: bool
) -> Ranking:
    """Order the professionals who may answer. Formula: see the module.

    `has_travel` is False when nobody moves (téléconsultation): distance then plays no part.
    Raises ValueError naming the argument that is missing, misshapen, out of order or negative.
    """
    _check_weights(weights)
    _check_candidates(candidates)
    size = candidates.travel_minutes.size
    _check_slots(slots, size)

    first = np.searchsorted(slots.professional, np.arange(size + 1))
    slot = _first_true(slots.is_free & slots.is_kind, first)
    slot_of_kind = _first_true(slots.is_kind, first)
    is_unknown = np.isnan(candidates.travel_minutes)
    travel = np.where(candidates.is_same_commune & is_unknown, 0.0, candidates.travel_minutes)
    left_out = _left_out(candidates, first, slot_of_kind, slot, travel, weights, has_travel)
    ranked = left_out == LeftOut.NONE
    slot[~ranked] = -1

    delay = np.full(size, -1, dtype=np.int64)
    delay[ranked] = np.maximum(slots.start_minutes[slot[ranked]], 0)
    counted = np.where(np.isnan(travel), weights.max_travel_minutes, travel) * has_travel
    parts = np.where(ranked, _parts(candidates, delay, counted, weights), 0.0)
    score = np.where(ranked, np.round(parts.sum(axis=0), SCORE_DECIMALS), np.nan)
    (who,) = np.nonzero(ranked)
    order = who[np.lexsort((counted[who], delay[who], score[who]))]
    return Ranking(
        order=order,
        why_next=_why_next(parts[:, order], score[order]),
        left_out=left_out,
        reasons=_reasons(candidates, order, delay, travel, has_travel),
        slot=slot,
        score=score,
        delay_minutes=delay,
        travel_minutes=travel,
        load_30_days=candidates.load_30_days,
        delay_part=parts[0],
        travel_part=parts[1],
        usual_part=parts[2],
        load_part=parts[3],
        has_travel=has_travel,
    )


def _first_true(flag: Bools, first: Indices) -> Indices:
    """Index of the first true flag of each block [first[i], first[i + 1]), or -1.

    The true ones are listed once; a binary search gives each block its own. Measured eight times
    faster than a minimum by block (`minimum.reduceat`) on 336 000 slots.
    """
    true = np.append(np.flatnonzero(flag), flag.size)
    found = true[np.searchsorted(true[:-1], first[:-1])]
    return np.where(found < first[1:], found, -1)


def _parts(
    candidates: Candidates, delay: NDArray[np.int64], travel: Floats, weights: RankingWeights
) -> Floats:
    """What each criterion adds to the score, one row per criterion, in the order of WhyNext."""
    return np.array(
        [
            weights.weight_delay * delay,
            weights.weight_travel * travel,
            -weights.usual_doctor_minutes * candidates.is_usual_doctor,
            weights.load_minutes * candidates.load_30_days,
        ]
    )


def _left_out(
    candidates: Candidates,
    first: Indices,
    slot_of_kind: Indices,
    slot: Indices,
    travel: Floats,
    weights: RankingWeights,
    has_travel: bool,
) -> NDArray[np.int8]:
    has_slot = first[1:] > first[:-1]
    is_far = (travel > weights.max_travel_minutes) & ~candidates.is_same_commune
    refusals = {
        LeftOut.PROFESSION: ~candidates.answers_profession,
        LeftOut.AGE: ~candidates.takes_age,
        LeftOut.KIND: ~candidates.does_kind | (has_slot & (slot_of_kind < 0)),
        LeftOut.TOO_FAR: is_far & has_travel,
        **{code: candidates.barred == code for code in BARS},
        LeftOut.CLOSED: ~has_slot,
        LeftOut.FULL: slot < 0,
        LeftOut.NOT_YET: ~candidates.is_in_circle,
    }
    code = np.zeros(slot.size, dtype=np.int8)
    for reason in sorted(refusals, reverse=True):
        code[refusals[reason]] = reason
    return code


def _why_next(parts: Floats, score: Floats) -> NDArray[np.int8]:
    """Of each consecutive pair, the part that adds most to the gap between the scores."""
    code = np.argmax(np.diff(parts, axis=1), axis=0) + WhyNext.DELAY
    return np.where(np.diff(score) > 0, code, WhyNext.TIE).astype(np.int8)


def _reasons(
    candidates: Candidates, order: Indices, delay: NDArray[np.int64], travel: Floats, moves: bool
) -> NDArray[np.int8]:
    flags = np.zeros(travel.size, dtype=np.int8)
    if not order.size:
        return flags
    load = candidates.load_30_days[order]
    near = np.where(candidates.is_same_commune, 0.0, travel)[order]
    nearest = np.nanmin(near, initial=np.inf)
    told = (
        (Reason.SOONEST, delay[order] == delay[order].min()),
        (Reason.NEAREST, (near == nearest) & moves),
        (Reason.SAME_COMMUNE, candidates.is_same_commune[order] & moves),
        (Reason.USUAL_DOCTOR, candidates.is_usual_doctor[order]),
        (Reason.LIGHT_LOAD, load < load.mean()),
    )
    for reason, holds in told:
        flags[order[holds]] |= reason
    return flags


def _check_weights(weights: RankingWeights) -> None:
    for name in RankingWeights.__slots__:
        if not 0 <= getattr(weights, name) < np.inf:
            raise ValueError(f"weights: {name} is a finite number, zero or more")


def _check_candidates(candidates: Candidates) -> None:
    size = candidates.travel_minutes.size
    for name in Candidates.__slots__:
        values = getattr(candidates, name)
        if values.shape != (size,):
            raise ValueError(f"candidates: {name} has one value per professional")
        if name.startswith(("is_", "answers_", "takes_", "does_")) and values.dtype != np.bool_:
            raise ValueError(f"candidates: {name} is true or false")
    if np.any(candidates.travel_minutes < 0) or np.any(np.isinf(candidates.travel_minutes)):
        raise ValueError("candidates: travel_minutes is zero or more, NaN when unknown")
    if not np.isin(candidates.barred, (0, *BARS)).all():
        raise ValueError("candidates: barred is 0 or one of ABSENT, PAUSED, CAPPED, QUIET")
    if np.any(candidates.load_30_days < 0):
        raise ValueError("candidates: load_30_days is zero or more")


def _check_slots(slots: OfferedSlots, size: int) -> None:
    who, start = slots.professional, slots.start_minutes
    for name in OfferedSlots.__slots__:
        values = getattr(slots, name)
        if values.shape != (who.size,):
            raise ValueError(f"slots: {name} has one value per slot")
        if name.startswith("is_") and values.dtype != np.bool_:
            raise ValueError(f"slots: {name} is true or false")
    if not who.size:
        return
    same = who[1:] == who[:-1]
    if np.any(who[1:] < who[:-1]) or np.any(same & (start[1:] < start[:-1])):
        raise ValueError("slots: sorted by professional, then start")
    if who[0] < 0 or who[-1] >= size:
        raise ValueError("slots: professional is an index of candidates")


def sentences(
    *,
    ranking: Ranking,
    positions: Sequence[int],
    names: Mapping[int, str],
    origin: datetime,
    known_travel: Container[int] = frozenset(),
) -> list[Sentences]:
    """French texts of the rows at these positions of the order (0 is the first).

    `names[i]` is the name of professional i: needed for the one before each row. `origin` is the
    whole minute the delays count from, in the time zone the hours are told in. `known_travel`: the
    professionals whose travel is a known time, not an estimate.
    """
    if origin.tzinfo is None or origin.second or origin.microsecond:
        raise ValueError("origin: a whole minute, with its time zone")
    rows = []
    for position in positions:
        if not 0 <= position < ranking.order.size:
            raise ValueError(f"positions: nobody is ranked at {position}")
        who = int(ranking.order[position])
        after = ""
        if position:
            before = int(ranking.order[position - 1])
            cause = _after(ranking, before, who, WhyNext(int(ranking.why_next[position - 1])))
            after = f"vient après {names[before]} : {cause}"
        rows.append(
            Sentences(reasons=_reason_texts(ranking, who, origin, who in known_travel), after=after)
        )
    return rows


def left_out_sentence(code: int) -> str:
    """Why somebody is not proposed, in French; raises ValueError for someone who is."""
    texts = {
        LeftOut.PROFESSION: "n'exerce pas la profession demandée",
        LeftOut.AGE: "ne reçoit pas à cet âge",
        LeftOut.KIND: "ne propose pas ce mode de soin en ce moment",
        LeftOut.TOO_FAR: "trop loin",
        LeftOut.ABSENT: "absence déclarée",
        LeftOut.PAUSED: "a mis ses sollicitations en pause",
        LeftOut.CAPPED: "a atteint le nombre de demandes accepté par semaine",
        LeftOut.QUIET: "est dans ses heures calmes",
        LeftOut.CLOSED: "aucun créneau ouvert",
        LeftOut.FULL: "plus de place libre",
        LeftOut.NOT_YET: "cercle pas encore ouvert",
    }
    if code not in texts:
        raise ValueError(f"code: {code} says no reason to be left out")
    return texts[LeftOut(code)]


def _reason_texts(ranking: Ranking, who: int, origin: datetime, is_known: bool) -> tuple[str, ...]:
    flags = Reason(int(ranking.reasons[who]))
    delay = int(ranking.delay_minutes[who])
    texts = [f"premier créneau {_moment(origin, delay)}"]
    if Reason.SOONEST in flags:
        texts[0] += ", le plus tôt"
    travel = float(ranking.travel_minutes[who])
    if Reason.SAME_COMMUNE in flags:
        texts.append("dans la même commune")
    elif ranking.has_travel and np.isnan(travel):
        texts.append("temps de route inconnu")
    elif ranking.has_travel:
        nearest = ", le plus près" if Reason.NEAREST in flags else ""
        about = "" if is_known else "env. "
        texts.append(f"à {about}{_duration(max(1, round(travel)))} de route{nearest}")
    if Reason.USUAL_DOCTOR in flags:
        texts.append("médecin traitant du patient")
    load = int(ranking.load_30_days[who])
    texts.append(f"{_requests(load)} en 30{NBSP}jours")
    return tuple(texts)


def _after(ranking: Ranking, before: int, who: int, why: WhyNext) -> str:
    later = int(ranking.delay_minutes[who] - ranking.delay_minutes[before])
    farther = _farther(ranking, before, who)
    if why == WhyNext.DELAY:
        return f"créneau {_duration(later)} plus tard"
    if why == WhyNext.TRAVEL:
        return farther or "un peu plus loin"
    if why == WhyNext.USUAL:
        return "n'est pas le médecin traitant du patient"
    if why == WhyNext.LOAD:
        more = int(ranking.load_30_days[who]) - int(ranking.load_30_days[before])
        return f"{_requests(more, ' de plus')} en 30{NBSP}jours"
    if later > 0:
        return f"à égalité, mais créneau {_duration(later)} plus tard"
    return f"à égalité, mais {farther}" if farther else "à égalité"


def _farther(ranking: Ranking, before: int, who: int) -> str:
    """How much farther, "" when it is not by a whole minute."""
    if not ranking.has_travel:
        return ""
    gap = float(ranking.travel_minutes[who] - ranking.travel_minutes[before])
    if np.isnan(gap):
        return "temps de route inconnu" if np.isnan(ranking.travel_minutes[who]) else ""
    return f"plus loin de {_duration(round(gap))}" if round(gap) > 0 else ""


def _requests(count: int, more: str = "") -> str:
    if not count:
        return "aucune demande acceptée"
    plural = "s" if count > 1 else ""
    return f"{count}{NBSP}demande{plural} acceptée{plural}{more}"


def _duration(minutes: int) -> str:
    """Such as: 35 min; 2 h; 2 h 05; 3 j 4 h (minutes are dropped past a day)."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest}{NBSP}min"
    if hours < 24:
        return f"{hours}{NBSP}h" + (f"{NBSP}{rest:02}" if rest else "")
    days, hours = divmod(hours, 24)
    return f"{days}{NBSP}j" + (f"{NBSP}{hours}{NBSP}h" if hours else "")


def _moment(origin: datetime, delay_minutes: int) -> str:
    """Such as: maintenant; à 14 h 20 (dans 35 min); demain à 9 h (dans 18 h); jeudi 7 mai à 9 h."""
    if delay_minutes == 0:
        return "maintenant"
    at = (origin.astimezone(UTC) + timedelta(minutes=delay_minutes)).astimezone(origin.tzinfo)
    minute = f"{NBSP}{at.minute:02}" if at.minute else ""
    hour = f"à {at.hour}{NBSP}h{minute}"
    days = (at.date() - origin.date()).days
    if days > 1:
        return f"{_day(at.date())} {hour}"
    return f"{'demain ' if days else ''}{hour} (dans {_duration(delay_minutes)})"


def _day(day: date) -> str:
    number = "1er" if day.day == 1 else str(day.day)
    return f"{WEEKDAYS[day.weekday()]} {number}{NBSP}{MONTHS[day.month - 1]}"
