"""Pages are Jinja2: the environment, what every page knows (`frame`), how a form field is drawn."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django import forms
from django.contrib.messages import get_messages
from django.db import DatabaseError
from django.forms.renderers import Jinja2 as Jinja2Renderer
from django.template.backends.jinja2 import Jinja2
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject, cached_property
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import maillage
from maillage.config.typography import FrenchSpaces
from maillage.kernel import instance, pins
from maillage.kernel.identifiers import format_phone
from maillage.kernel.pages import is_fragment
from maillage.kernel.permissions import Permission

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


# Words for numbers, times and telephones. Aware datetimes are told in the current time zone, which
# is the one of the CPTS while its pages are drawn.


def number(value: float | None, digits: int = 0) -> str:
    """As "94 159" or "3,4"; a dash when unknown. The font has no narrow space, so U+00A0."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".replace(",", NBSP).replace(".", ",")


def phone(digits: str) -> str:
    return format_phone(digits)


def _local(value: dt.datetime | dt.time) -> dt.datetime | dt.time:
    return timezone.localtime(value) if isinstance(value, dt.datetime) else value


def clock(value: dt.datetime | dt.time) -> str:
    """As "14 h 20"."""
    local = _local(value)
    return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}"


def _day_of(value: dt.date) -> dt.date:
    return timezone.localtime(value).date() if isinstance(value, dt.datetime) else value


def day(value: dt.date) -> str:
    """As "aujourd'hui", "demain", "hier", else "lun. 23 nov." (and the year when it is another)."""
    date, today = _day_of(value), timezone.localdate()
    near = {-1: "hier", 0: "aujourd'hui", 1: "demain"}.get((date - today).days)
    if near:
        return near
    text = f"{WEEKDAYS[date.weekday()][:3]}. {date.day}{NBSP}{SHORT_MONTHS[date.month - 1]}"
    return text if date.year == today.year else f"{text}{NBSP}{date.year}"


def full_date(value: dt.date) -> str:
    """As "lundi 23 novembre 2026"."""
    date = _day_of(value)
    return f"{WEEKDAYS[date.weekday()]} {date.day} {MONTHS[date.month - 1]} {date.year}"


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


@lru_cache(maxsize=512)
def icon(name: str, size: int = 18, label: str = "") -> Markup:
    """An icon of the sprite; hidden from screen readers unless it is given a label."""
    says = Markup('role="img" aria-label="{}"').format(label) if label else 'aria-hidden="true"'
    return Markup('<svg class="i" width="{0}" height="{0}" {1}><use href="{2}#{3}"/></svg>').format(
        size, Markup(says), static("maillage/icons.svg"), name
    )


def url(name: str, **kwargs) -> str:
    return reverse(name, kwargs=kwargs)


def environment(**options) -> Environment:
    """The pages' engine: a name a page forgot is an error, never an empty space."""
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    env = Environment(**options, extensions=[FrenchSpaces])
    env.globals |= {"static": static, "url": url, "icon": icon, "now": timezone.now}
    env.filters |= {
        each.__name__: each
        for each in (
            *(number, phone, clock, day, full_date, moment, duration, since, ago, iso, plural),
            *(pins.spread, pins.names),
        )
    }
    return env


class FormRenderer(Jinja2Renderer):
    """Fields through `field.html`, whole forms through `form.html`, widgets as Django's."""

    field_template_name = "field.html"
    form_template_name = "form.html"

    @cached_property
    def engine(self):
        return Jinja2(
            {
                "APP_DIRS": True,
                "DIRS": [Path(forms.__file__).parent / "jinja2"],
                "NAME": "forms",
                "OPTIONS": {"environment": "maillage.config.jinja.form_environment"},
            }
        )


def form_environment(**options) -> Environment:
    """Django's widgets read names that may be missing: here they stay lenient."""
    env = Environment(**options)
    env.globals |= {"icon": icon}
    return env


# What every page knows.


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation."""

    name: str
    label: str
    url: str
    icon: str
    current: bool


NAVIGATION = (
    ("Tableau", "snp:board", "layout-dashboard", Permission.SNP_DESK),
    ("Suivi", "snp:follow", "chart-bar", Permission.SNP_COUNTS),
    ("Ma journée", "home:cpts", "stethoscope", Permission.PROPOSAL_ANSWER),
    ("Disponibilités", "availability:week", "calendar-week", Permission.AVAILABILITY_EDIT),
    ("Habitants", "residents:search", "users", Permission.RESIDENT_DESK),
    ("Annuaire", "directory:list", "address-book", Permission.DIRECTORY_VIEW),
    ("Territoire", "territory:page", "map-2", Permission.TERRITORY_VIEW),
    ("Réglages", "snp:settings", "settings", Permission.SNP_SETTINGS),
    ("Rôles", "accounts:seats", "key", Permission.SEATS_MANAGE),
    ("Envois", "accounts:outbox", "mail", Permission.OUTBOX_VIEW),
    ("Journal", "home:journal", "notebook", Permission.JOURNAL_VIEW),
)

_mark: dict[str, bool] = {}


def is_demo() -> bool:
    """The mark of this database, read once: it never changes after the first migration."""
    if "demo" not in _mark:
        try:
            row = instance.current()
        except DatabaseError:  # not migrated, or down: the page that says so must still be drawn
            return False
        if row is None:
            return False
        _mark["demo"] = row.is_demo
    return _mark["demo"]


def forget_mark() -> None:
    """For tests and for the command that marks the database."""
    _mark.clear()


def _navigation(request, actor, cpts) -> list[Entry]:
    if cpts is None:
        return []
    granted = [
        (name, label, reverse(name, kwargs={"cpts": cpts.slug}), symbol)
        for label, name, symbol, permission in NAVIGATION
        if actor.may(permission, cpts)
    ]
    here = max(
        (each[2] for each in granted if request.path.startswith(each[2])), key=len, default=""
    )
    return [
        Entry(name, label, target, symbol, target == here)
        for name, label, target, symbol in granted
    ]


def _links(actor, cpts) -> dict[str, str]:
    names = {"home": "home:start", "seats": "home:seats", "shortcuts": "accounts:shortcuts"}
    names |= {"account": "accounts:account"}
    names |= {"login": "account_login", "logout": "account_logout"}
    names |= {"password": "account_change_password", "mfa": "mfa_index"}
    links = {key: reverse(name) for key, name in names.items()}
    if cpts is not None:
        links["home"] = reverse("home:cpts", kwargs={"cpts": cpts.slug})
    may_search = cpts is not None and actor.may(Permission.DIRECTORY_VIEW, cpts)
    links["search"] = reverse("directory:list", kwargs={"cpts": cpts.slug}) if may_search else ""
    return links


def frame(request) -> dict:
    """Context of every Jinja2 page. What a fragment does not draw is not computed."""
    cpts, actor = getattr(request, "cpts", None), getattr(request, "actor", None)
    user = getattr(request, "user", None)
    seat = getattr(actor, "seat", None)
    return {
        "cpts": cpts,
        "actor": actor,
        "user": user,
        "role": seat.get_role_display() if seat else "",
        "nav": SimpleLazyObject(lambda: _navigation(request, actor, cpts)),
        "links": SimpleLazyObject(lambda: _links(actor, cpts)),
        "messages": get_messages(request),
        "is_demo": is_demo(),
        "is_fragment": is_fragment(request),
        "path": request.get_full_path(),
        "version": maillage.__version__,
    }


def demo_mark(request) -> dict:
    """For the pages of third-party apps, drawn by Django's engine: they too say it is a demo."""
    return {"is_demo": is_demo(), "version": maillage.__version__}
