"""A week in a short text, as a secretary types it: « lu-ve 9-12 14-18 /20 ».

Days, then hours, then what differs from the usual: `/20` minutes a slot, `x2` places, `cab`, `dom` or
`visio`, `accord` or `résa`, `@2` the second place of practice. What is said once is said for the whole
line; said in several places, each holds for the hours before it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from django import forms

from maillage.availability.enums import (
    CAPACITY_MAX,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    BookingMode,
    Weekday,
)
from maillage.availability.models import WeeklyPeriod
from maillage.availability.queries import SaidPeriod
from maillage.directory.enums import CareKind
from maillage.kernel.words import plural

EXAMPLE = "Par exemple : lu-ve 9-12 14-18 /20"
NO_WEEK = "-"
CODES = ("lu", "ma", "me", "je", "ve", "sa", "di")
KINDS = {CareKind.OFFICE: "cab", CareKind.HOME: "dom", CareKind.REMOTE: "visio"}
MODES = {BookingMode.ON_AGREEMENT: "accord", BookingMode.BOOKABLE: "résa"}
OPTIONS = ("slot_minutes", "capacity", "kind", "mode", "place")
TOLD_TWICE = {
    "slot_minutes": "la durée d'un créneau",
    "capacity": "le nombre de places",
    "kind": "le lieu de soin",
    "mode": "la façon de réserver",
    "place": "le lieu d'exercice",
}
DAYS = {
    name: day
    for day, label in Weekday.choices
    for name in (label, label + "s", label[:3], label[:2], label[0])
    if name != "m"
}
INITIALS = {"lmmjv": 5, "lmmjvs": 6, "lmmjvsd": 7}

_DAY = (
    r"(?:(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?|lun|mar|mer|jeu|ven|sam|dim"
    r"|lu|ma|me|je|ve|sa|di|[ljmvsd])(?![a-z])\.?"
)
_H = r"(?:heures?|h|:|\.)"
_NOT_MINUTES = rf"(?!\d|\s?(?:{_H}|min|mn|places?|patients?|'))"
# « 9 h 30 - 12 h » but « 9h-12h 14-18 »: two digits after a space are minutes of a beginning only
# when the hour has no « h » after them, and of an end only when no other hour begins there.
_START = (
    rf"(?:midi|minuit|\d{{3,4}}(?!\d)|\d{{1,2}}(?!\d)(?:\s?{_H}(?:\s?\d{{2}}{_NOT_MINUTES})?)?)"
)
_END = (
    rf"(?:midi|minuit|\d{{3,4}}(?!\d)|\d{{1,2}}(?!\d)"
    rf"(?:\s?{_H}(?:\d{{2}}(?!\d)|\s\d{{2}}(?!\s*(?:-|a(?![a-z]))){_NOT_MINUTES})?)?)"
)
TOKENS = re.compile(
    "|".join(
        rf"(?P<{name}>{pattern})"
        for name, pattern in {
            "stop": ";",
            "slot_minutes": r"/\s*\d{1,3}(?!\d)\s*(?:(?:minutes?|min|mn)(?![a-z])|')?"
            r"|\d{1,3}\s*(?:minutes?|min|mn)(?![a-z])",
            "capacity": r"x\s*\d{1,2}(?!\d)|\d{1,2}\s*(?:places?|patients?)(?![a-z])",
            "place": r"@\s*\d{1,2}(?!\d)",
            "hours": rf"{_START}\s*(?:-|a(?![a-z])|jusqu'a)\s*{_END}",
            "days": rf"{_DAY}\s*(?:-|(?<![a-z])au?(?![a-z]))\s*{_DAY}",
            "on_agreement": r"(?:sur\s+)?accord(?![a-z])",
            "bookable": r"(?:reserv[a-z]*|resas?)(?![a-z])",
            "office": r"(?:cabinet|cab)(?![a-z])",
            "home": r"(?:domicile|dom|visites?)(?![a-z])",
            "remote": r"(?:visio|distance|tele[a-z]*)(?![a-z])",
            "except": r"(?:sauf|hors|excepte)(?![a-z])",
            "weekend": r"(?:week-?end|we)(?![a-z])",
            "noise": r"[\s,.&+]+|(?:apres[- ]?midi|matin(?:ee)?s?|soir(?:ee)?s?|creneaux?|toutes|et|puis"
            r"|par|de|du|des|le|les|la|en|a|au|chaque)(?![a-z])|[ld]'",
            "word": r"[a-z]+\.?",
            "number": rf"\d+(?:\s?{_H}(?:\d{{2}})?)?",
            "other": r".",
        }.items()
    )
)


class Misread(forms.ValidationError):
    """A sentence about what was not understood, told beside the line."""


def plain(text: str) -> str:
    """Lower case, no accent, one kind of dash; as long as the text, so that a bit is quoted as typed."""
    text = text.translate({ord(dash): "-" for dash in "‐‑‒–—−"} | {ord("’"): "'", 0xA0: " "})
    return "".join(unicodedata.normalize("NFD", each)[0].lower()[0] for each in text)


def parse_week(text: str) -> tuple[SaidPeriod, ...]:
    """The periods a text says, in the order of the week. Raises Misread."""
    reader = _Reader()
    for token in TOKENS.finditer(plain(text)):
        reader.read(token.lastgroup, token.group(), text[token.start() : token.end()].strip())
    return reader.week()


class _Reader:
    """Days, then hours, then options: the clause being read, and those before it."""

    def __init__(self):
        self.periods: list[tuple[int, int, int, int]] = []  # clause, weekday, start, end
        self.days: set[int] = set()
        self.days_bit = ""  # days still without hours, as typed
        self.excepting = False
        self.clause = 0
        self.last_end: int | None = None  # of the clause
        self.said: dict[str, dict[tuple[int, int], object]] = defaultdict(dict)

    def read(self, name: str, bit: str, typed: str) -> None:
        if name == "stop":
            self._check_days()
            self._next_clause()
        elif name in {"days", "weekend", "word"}:
            self._days(_days_of(name, bit, typed), typed)
        elif name == "except":
            self.excepting = True
            if not self.days_bit:
                raise Misread(f"« {typed} » : dites d'abord les jours, comme lu-ve sauf me 9-12.")
        elif name == "hours":
            self._hours(bit, typed)
        elif name in KINDS:
            self._option("kind", CareKind(name))
        elif name in MODES:
            self._option("mode", BookingMode(name))
        elif name in OPTIONS:
            self._option(name, _number(name, bit))
        elif name == "number":
            raise Misread(f"« {typed} » : dites le début et la fin, comme 9-12 ou 9h30-12h.")
        elif name == "other":
            raise Misread(f"« {typed} » n'est pas compris. {EXAMPLE}.")

    def _next_clause(self) -> None:
        if self.last_end is not None:
            self.clause += 1
        self.last_end, self.excepting = None, False

    def _days(self, days: set[int], typed: str) -> None:
        if self.last_end is not None:
            self._next_clause()
        if self.excepting:
            self.days = self.days - days
            if not self.days:
                raise Misread(f"« sauf {typed} » : il ne reste aucun jour.")
            return
        self.days = (self.days if self.days_bit else set()) | days
        self.days_bit = f"{self.days_bit} {typed}".strip()

    def _hours(self, bit: str, typed: str) -> None:
        if not self.days:
            raise Misread(f"« {typed} » : de quels jours ? Écrivez-les avant. {EXAMPLE}.")
        sides = re.findall(r"midi|minuit|\d+(?:\s?(?:heures?|h|:|\.)(?:\s?\d{2})?)?", bit)
        start, end = _minute(sides[0], typed), _minute(sides[1], typed)
        end = 1440 if end == 0 else end
        if end <= start:
            raise Misread(f"« {typed} » : l'heure de fin doit suivre l'heure de début.")
        if self.last_end is not None and start < self.last_end:
            raise Misread(
                f"« {typed} » vient après {_wall(self.last_end)} h : dites les heures dans l'ordre, "
                "l'après-midi comme 14-18."
            )
        self.periods += [(self.clause, day, start, end) for day in sorted(self.days)]
        self.last_end, self.days_bit, self.excepting = end, "", False

    def _option(self, name: str, value: object) -> None:
        """Said before the hours of a clause, it holds for all of them."""
        rank = len(self.periods) if self.last_end is not None else -1
        known = self.said[name].setdefault((self.clause, rank), value)
        if known != value:
            raise Misread(f"Vous dites deux fois {TOLD_TWICE[name]}.")

    def _check_days(self) -> None:
        if self.days_bit:
            raise Misread(f"« {self.days_bit} » : dites les heures, comme {self.days_bit} 9-12.")

    def week(self) -> tuple[SaidPeriod, ...]:
        self._check_days()
        if not self.periods:
            raise Misread(f"Dites les jours et les heures. {EXAMPLE}.")
        found = sorted(
            (
                SaidPeriod(
                    *(day, start, end),
                    **{name: self._chosen(name, clause, rank) for name in OPTIONS},
                )
                for rank, (clause, day, start, end) in enumerate(self.periods, 1)
            ),
            key=lambda each: (each.weekday, each.starts_minute, each.ends_minute),
        )
        for before, after in pairwise(found):
            if before.weekday == after.weekday and after.starts_minute < before.ends_minute:
                day = Weekday(after.weekday).label
                raise Misread(
                    f"Deux plages se chevauchent le {day} : {_span(before)} et {_span(after)}."
                )
        return tuple(found)

    def _chosen(self, name: str, clause: int, rank: int):
        """The nearest of its clause after these hours, else before; then of the line."""
        said = self.said[name]
        for among in ([key for key in said if key[0] == clause], sorted(said)):
            after = [key for key in among if key[1] >= rank or (key[1] < 0 and key[0] > clause)]
            if after:
                return said[min(after)]
            if among:
                return said[max(among)]
        return None


def _days_of(name: str, bit: str, typed: str) -> set[int]:
    if name == "weekend":
        return {5, 6}
    if name == "days":
        first, last = (
            _day(each, typed) for each in re.split(r"\s*(?:-|\bau?\b)\s*", bit, maxsplit=1)
        )
        if last < first:
            raise Misread(f"« {typed} » : la semaine va de lundi à dimanche.")
        return set(range(first, last + 1))
    word = bit.rstrip(".")
    if word in DAYS:
        return {DAYS[word]}
    if word in INITIALS:
        return set(range(INITIALS[word]))
    pairs = [word[at : at + 2] for at in range(0, len(word), 2)]
    if set(pairs) <= set(CODES):
        return {CODES.index(each) for each in pairs}
    if "m" not in word and set(word) <= set(DAYS):
        return {DAYS[each] for each in word}
    if set(word) <= set("lmjvsd"):
        raise Misread(f"« {typed} » : mardi (ma) ou mercredi (me) ?")
    raise Misread(f"« {typed} » n'est pas compris. {EXAMPLE}.")


def _day(bit: str, typed: str) -> int:
    word = bit.strip(" .")
    if word == "m":
        raise Misread(f"« {typed} » : mardi (ma) ou mercredi (me) ?")
    return DAYS[word]


def _minute(side: str, typed: str) -> int:
    if not side[0].isdigit():
        return {"midi": 720, "minuit": 0}[side]
    parts = re.findall(r"\d+", side)
    if len(parts[0]) > 2:
        parts = [parts[0][:-2], parts[0][-2:]]
    hour, minute = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    if minute > 59 or hour * 60 + minute > 1440:
        raise Misread(f"« {typed} » : ce n'est pas une heure, comme 9h30.")
    return hour * 60 + minute


def _number(name: str, bit: str) -> int:
    value = int(re.search(r"\d+", bit).group())
    if name == "slot_minutes" and not SLOT_MINUTES_MIN <= value <= SLOT_MINUTES_MAX:
        raise Misread("Un créneau dure de 5 minutes à 8 heures.")
    if name == "capacity" and not 1 <= value <= CAPACITY_MAX:
        raise Misread(f"Indiquez de 1 à {CAPACITY_MAX} places.")
    return value


def _wall(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    return f"{hour}h{rest:02}" if rest else f"{hour}"


def _span(said: SaidPeriod) -> str:
    return f"{_wall(said.starts_minute)}-{_wall(said.ends_minute)}"


def _option_words(names: Sequence[str], values: Sequence) -> list[str]:
    words, signs = {**KINDS, **MODES}, {"slot_minutes": "/", "capacity": "x", "place": "@"}
    return [
        words[value] if name in {"kind", "mode"} else f"{signs[name]}{value}"
        for name, value in zip(names, values, strict=True)
        if value is not None
    ]


def _days_text(days: Sequence[int]) -> str:
    """Three days in a row or more as « lu-me »."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return " ".join(
        f"{CODES[run[0]]}-{CODES[run[-1]]}" if len(run) > 2 else " ".join(CODES[d] for d in run)
        for run in runs
    )


def format_week(week: Iterable[SaidPeriod]) -> str:
    """The shortest usual way to say it, which `parse_week` reads back; no period: « - »."""
    week = sorted(week, key=lambda each: (each.weekday, each.starts_minute))
    if not week:
        return NO_WEEK
    own = [name for name in OPTIONS if len({getattr(each, name) for each in week}) > 1]
    of_day: dict[tuple[int, tuple], list[SaidPeriod]] = defaultdict(list)
    for each in week:
        of_day[each.weekday, tuple(getattr(each, name) for name in own)].append(each)
    clauses: dict[tuple, list[int]] = defaultdict(list)
    for (day, values), said in of_day.items():
        clauses[tuple(_span(each) for each in said), values].append(day)
    text = "; ".join(
        " ".join([_days_text(days), *spans, *_option_words(own, values)])
        for (spans, values), days in clauses.items()
    )
    shared = [name for name in OPTIONS if name not in own]
    return " ".join([text, *_option_words(shared, [getattr(week[0], name) for name in shared])])


def _clock(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    return f"{hour} h {rest:02}" if rest else f"{hour} h"


def tell_week(periods: Iterable[WeeklyPeriod]) -> list[str]:
    """A week in full sentences, alike days together: what was understood."""
    of_day: dict[tuple, list[WeeklyPeriod]] = defaultdict(list)
    for each in sorted(periods, key=lambda each: (each.weekday, each.starts_minute)):
        how = (each.slot_minutes, each.capacity, each.place_id, each.kind, each.mode)
        of_day[each.weekday, how].append(each)
    clauses: dict[tuple, list[WeeklyPeriod]] = defaultdict(list)
    for (_, how), rules in of_day.items():
        hours = " et ".join(
            f"{_clock(each.starts_minute)} – {_clock(each.ends_minute)}" for each in rules
        )
        clauses[hours, how].append(rules[0])
    return [
        f"{', '.join(each.get_weekday_display() for each in rules)} : {hours}, {_how(rules[0])}"
        for (hours, _), rules in clauses.items()
    ]


def _how(rule: WeeklyPeriod) -> str:
    return (
        f"créneaux de {rule.slot_minutes} min, {plural(rule.capacity, 'place')}, "
        f"{rule.place.commune.name}, {rule.get_kind_display()}, {rule.get_mode_display()}"
    )
