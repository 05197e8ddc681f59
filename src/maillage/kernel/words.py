"""Numbers, times and telephones as a French reader expects them.

An aware datetime is told in the zone given, else in the current one: that of the CPTS while its
pages are drawn. The font has no narrow space: every space that holds two words is U+00A0.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils import timezone

from maillage.kernel.identifiers import format_phone

NBSP = "\u00a0"
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
SHORT_MONTHS = (
    *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
    *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
)


def number(value: float | None, digits: int = 0) -> str:
    """As "94 159" or "3,4"; a dash when unknown. The font has no narrow space, so U+00A0."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".replace(",", NBSP).replace(".", ",")


def phone(digits: str) -> str:
    return format_phone(digits)


def clock(
    value: dt.datetime | dt.time, zone: ZoneInfo | None = None, *, short: bool = False
) -> str:
    """As "14 h 20"; a whole hour as "14 h 00", or "14 h" when `short`."""
    local = timezone.localtime(value, zone) if isinstance(value, dt.datetime) else value
    if short and not local.minute:
        return f"{local.hour}{NBSP}h"
    return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}"


def _day_of(value: dt.date, zone: ZoneInfo | None = None) -> dt.date:
    return timezone.localtime(value, zone).date() if isinstance(value, dt.datetime) else value


def short_date(value: dt.date, zone: ZoneInfo | None = None) -> str:
    """As "lun. 23 nov."."""
    date = _day_of(value, zone)
    return f"{WEEKDAYS[date.weekday()][:3]}. {date.day}{NBSP}{SHORT_MONTHS[date.month - 1]}"


def day(value: dt.date, zone: ZoneInfo | None = None, now: dt.datetime | None = None) -> str:
    """As "aujourd'hui", "demain", "hier", else "lun. 23 nov." (and the year when it is another)."""
    date, today = _day_of(value, zone), timezone.localdate(now, zone)
    near = {-1: "hier", 0: "aujourd'hui", 1: "demain"}.get((date - today).days)
    if near:
        return near
    text = short_date(date)
    return text if date.year == today.year else f"{text}{NBSP}{date.year}"


def full_date(value: dt.date) -> str:
    """As "lundi 23 novembre 2026"."""
    date = _day_of(value)
    return f"{WEEKDAYS[date.weekday()]} {date.day} {MONTHS[date.month - 1]} {date.year}"


def dated(value: dt.date) -> str:
    """As "23/11/2026": the day here of a moment, not that of UTC."""
    return _day_of(value).strftime("%d/%m/%Y")


def moment(value: dt.datetime) -> str:
    """As "14 h 20" today, else "demain 14 h 20", "lun. 23 nov. 14 h 20"."""
    if _day_of(value) == timezone.localdate():
        return clock(value)
    return f"{day(value)} {clock(value)}"


def duration(value: dt.timedelta | float) -> str:
    """Minutes or a timedelta as "35 min", "2 h 05", "3 j"."""
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value * 60
    minutes = max(0, int(seconds // 60))
    if minutes < 1:
        return f"<{NBSP}1{NBSP}min"
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    if minutes < 48 * 60:
        return f"{minutes // 60}{NBSP}h{NBSP}{minutes % 60:02}"
    return f"{minutes // (24 * 60)}{NBSP}j"


def since(value: dt.datetime) -> str:
    """Time elapsed: "47 min"."""
    return duration(timezone.now() - value)


def ago(value: dt.datetime) -> str:
    """As "il y a 35 min", "dans 35 min", "à l'instant"."""
    gap = timezone.now() - value
    if abs(gap) < dt.timedelta(minutes=1):
        return "à l'instant"
    return f"dans {duration(-gap)}" if gap < dt.timedelta(0) else f"il y a {duration(gap)}"


def iso(value: dt.date) -> str:
    """For the `datetime` attribute of a `<time>`, to the second."""
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    return value.isoformat()


def plural(count: int, one: str, many: str = "") -> str:
    """As "1 demande", "3 demandes", "0 demande"."""
    return f"{number(count)}{NBSP}{one if abs(count) < 2 else many or one + 's'}"
