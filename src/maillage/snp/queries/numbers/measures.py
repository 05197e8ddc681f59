"""What is counted: each number by its stable code, what it counts, and out of what."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from maillage.directory.enums import Profession
from maillage.kernel.words import MONTHS, NBSP, WEEKDAYS, short_date
from maillage.snp.enums import (
    OPEN,
    AppointmentOutcome,
    CareRequestStatus,
    Channel,
    ProposalState,
    RefusalReason,
)
from maillage.snp.queries.hours import weekday_of
from maillage.snp.queries.numbers.sample import DAY, HOUR, NEVER, Bools, Ints, Sample
from maillage.territory.models import Commune

S = CareRequestStatus
EPOCH = dt.date(1970, 1, 1)


class Unit(StrEnum):
    """What one row behind a number is."""

    REQUEST = "request"
    PROPOSAL = "proposal"
    REORIENTATION = "reorientation"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: `of` is the code of its denominator, empty when it has none."""

    code: str
    label: str
    definition: str
    of: str = ""
    unit: Unit = Unit.REQUEST


def _of_deadline(prefix: str, name: str) -> list[Measure]:
    counted = f"{prefix}_counted"
    return [
        Measure(
            counted,
            f"Comptées pour le {name}",
            "Demandes dont on sait si elles tiennent le délai : tenu ou dépassé. Ni celles encore "
            "suivies, ni les annulées, fusionnées ou transmises au 15.",
            "received",
        ),
        Measure(
            f"{prefix}_kept",
            f"Soin dans le {name}",
            "Patient informé (ou venu) et soin commencé dans le délai, depuis la première réception, "
            "en temps de calendrier : heure prévue, puis heure réelle une fois connue.",
            counted,
        ),
        Measure(
            f"{prefix}_late",
            f"{name.capitalize()} dépassé",
            "Soin prévu ou commencé après le délai, ou délai passé sans patient informé.",
            counted,
        ),
        Measure(
            f"{prefix}_watched",
            f"Encore suivies pour le {name}",
            "Demandes ouvertes dont le délai court encore.",
            "received",
        ),
    ]


DELAYS = {
    "delay_proposal": "la première proposition",
    "delay_acceptance": "l'acceptation qui tient",
    "delay_informed": "l'information du patient",
    "delay_care": "le début du soin (prévu, puis réel)",
}
MEASURES = {
    each.code: each
    for each in (
        Measure("received", "Demandes reçues", "Demandes reçues dans la période, toutes."),
        *_of_deadline("first", "premier délai"),
        *_of_deadline("second", "second délai"),
        Measure("cancelled", "Annulées", "Demandes annulées.", "received"),
        Measure(
            "merged", "Fusionnées", "Doublons réunis à une autre demande, comptée.", "received"
        ),
        Measure("handed_over", "Transmises au 15", "Demandes transmises au 15.", "received"),
        Measure(
            "open_late",
            "Ouvertes après le second délai",
            "Demandes encore ouvertes dont le second délai est passé : elles comptent comme dépassées.",
            "received",
        ),
        *(
            Measure(
                code,
                f"Délai jusqu'à {what}",
                f"Demandes non annulées, fusionnées ni transmises au 15, dont l'heure est connue : "
                f"de la première réception à {what}.",
                "received",
            )
            for code, what in DELAYS.items()
        ),
        Measure(
            "asked",
            "Propositions à accepter",
            "Propositions où un professionnel devait répondre (les créneaux réservés n'en sont pas).",
            unit=Unit.PROPOSAL,
        ),
        *(
            Measure(
                f"refused_{reason.value}",
                f"Refus : {reason.label}",
                "Propositions refusées pour cette raison.",
                "asked",
                Unit.PROPOSAL,
            )
            for reason in RefusalReason
        ),
        Measure(
            "unanswered",
            "Sans réponse",
            "Propositions restées sans réponse dans le délai.",
            "asked",
            Unit.PROPOSAL,
        ),
        Measure(
            "appointments",
            "Rendez-vous dont l'issue est connue",
            "Rendez-vous honorés ou non honorés.",
            unit=Unit.PROPOSAL,
        ),
        Measure(
            "no_show",
            "Rendez-vous non honorés",
            "Le patient n'est pas venu.",
            "appointments",
            Unit.PROPOSAL,
        ),
        Measure(
            "reoriented",
            "Réorientations",
            "Fois où il a fallu chercher quelqu'un d'autre ; plusieurs par demande possibles.",
            unit=Unit.REORIENTATION,
        ),
    )
}


def masks_of(sample: Sample) -> dict[str, Bools]:
    """For each code, which rows of its unit it counts. The two deadlines by the rule of
    `ladder.deadline_state`, for all the requests at once."""
    status, out = sample.status, {}
    out["received"] = np.ones(sample.id.size, dtype=bool)
    for code in (S.CANCELLED, S.MERGED, S.HANDED_OVER):
        out[str(code.value)] = status == code
    apart = np.isin(status, [S.CANCELLED, S.MERGED, S.HANDED_OVER])
    is_over = np.isin(status, [S.HONOURED, S.INFORMED])
    has_start = sample.start != NEVER
    for prefix, hours in (("first", sample.first_hours), ("second", sample.second_hours)):
        at = sample.received + hours * HOUR
        kept = is_over & has_start & (sample.start <= at)
        too_late = (status == S.ACCEPTED) & has_start & (sample.start > at)
        late = ~apart & ((is_over & ~kept) | (~is_over & ((sample.now > at) | too_late)))
        out |= {f"{prefix}_kept": kept, f"{prefix}_late": late, f"{prefix}_counted": kept | late}
        out[f"{prefix}_watched"] = ~apart & ~kept & ~late
    is_past = sample.now > sample.received + sample.second_hours * HOUR
    out["open_late"] = np.isin(status, OPEN) & out["second_late"] & is_past & ~is_over
    for code, moment in moments_of(sample).items():
        out[code] = ~apart & (moment != NEVER)
    out["asked"] = sample.is_asked
    for reason in RefusalReason:
        out[f"refused_{reason.value}"] = sample.is_asked & (sample.refusal == reason)
    out["unanswered"] = sample.is_asked & (sample.proposal_state == ProposalState.EXPIRED)
    missed = sample.outcome == AppointmentOutcome.MISSED
    out["appointments"] = missed | (sample.outcome == AppointmentOutcome.HONOURED)
    out["no_show"] = missed
    out["reoriented"] = np.ones(sample.reoriented_id.size, dtype=bool)
    return out


def moments_of(sample: Sample) -> dict[str, Ints]:
    ends = (sample.proposed, sample.accepted, sample.informed, sample.start)
    return dict(zip(DELAYS, ends, strict=True))


def requests_of(sample: Sample, code: str) -> Ints:
    """For each row of the unit of a measure, the place of its request."""
    match MEASURES[code].unit:
        case Unit.PROPOSAL:
            return sample.proposal_of
        case Unit.REORIENTATION:
            return sample.reoriented_of
    return np.arange(sample.id.size)


# By what


BY = {
    "canal": "Canal",
    "commune": "Commune",
    "profession": "Profession demandée",
    "semaine": "Semaine",
    "mois": "Mois",
}
OTHER_COMMUNES = "autres"


@dataclass(frozen=True, slots=True)
class Groups:
    """The units of a table, in order, and the unit of each request."""

    codes: list[str]
    labels: list[str]
    of: Ints


def hours_of(sample: Sample) -> Groups:
    """By weekday (7: a public holiday) and hour of reception: "0-09"."""
    days, inverse = np.unique(sample.wall // DAY, return_inverse=True)
    weekdays = [weekday_of(EPOCH + dt.timedelta(days=day)) for day in days.tolist()]
    weekday = np.array(weekdays, dtype=np.int64)[inverse.reshape(-1)]
    codes = [f"{day}-{hour:02}" for day in range(8) for hour in range(24)]
    names = (*WEEKDAYS, "jour férié")
    labels = [f"{names[day]} {hour}{NBSP}h" for day in range(8) for hour in range(24)]
    return Groups(codes, labels, weekday * 24 + sample.wall % DAY // HOUR)


def groups_of(sample: Sample, by: str, *, communes: dict[str, str] | None = None) -> Groups:
    """The units of a table. `communes`: the only ones named, the others together."""
    if by == "canal":
        return _fixed(sample.channel, dict(Channel.choices))
    if by == "profession":
        return _fixed(sample.profession, dict(Profession.choices))
    if by == "heure":
        return hours_of(sample)
    if by == "commune":
        if communes is None:
            return _fixed(sample.commune, _named(np.unique(sample.commune).tolist()))
        named = np.where(np.isin(sample.commune, list(communes)), sample.commune, OTHER_COMMUNES)
        return _fixed(named, communes | {OTHER_COMMUNES: "Autres communes"})
    return _dated(sample, by)


def _named(insees: list[str]) -> dict[str, str]:
    names = Commune.objects.filter(pk__in=insees).order_by("name_key", "pk")
    return dict(names.values_list("pk", "name"))


def _fixed(values, labels: dict[str, str]) -> Groups:
    codes = list(labels)
    order = np.argsort(codes)
    found = np.searchsorted(codes, values, sorter=order) if codes else np.zeros(0, dtype=np.int64)
    return Groups(codes, list(labels.values()), order[found] if len(values) else found)


def _dated(sample: Sample, by: str) -> Groups:
    """Weeks (from Monday) or months, every one of the period, empty ones too."""
    days = (sample.period.last_on - sample.period.first_on).days + 1
    first = (sample.period.first_on - EPOCH).days
    starts, labels = {}, []
    for day in range(days):
        on = sample.period.first_on + dt.timedelta(days=day)
        key = on - dt.timedelta(days=on.weekday()) if by == "semaine" else on.replace(day=1)
        starts.setdefault(key, []).append(day)
    which = np.zeros(days, dtype=np.int64)
    for index, inside in enumerate(starts.values()):
        which[inside] = index
    for key in starts:
        week = f"semaine du {short_date(key).split(' ', 1)[1]} {key.year}"
        labels.append(week if by == "semaine" else f"{MONTHS[key.month - 1]} {key.year}")
    return Groups([key.isoformat() for key in starts], labels, which[sample.wall // DAY - first])
