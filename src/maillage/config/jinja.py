"""Pages are Jinja2: the environment, what every page knows (`frame`), how a form field is drawn."""

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
from maillage.accounts import gateway
from maillage.config.typography import FrenchSpaces
from maillage.kernel import instance, pins, words
from maillage.kernel.pages import is_fragment
from maillage.kernel.permissions import Permission


@lru_cache(maxsize=512)
def icon(name: str, size: int = 18, label: str = "") -> Markup:
    """An icon of the sprite; hidden from screen readers unless it is given a label."""
    says = Markup('role="img" aria-label="{}"').format(label) if label else 'aria-hidden="true"'
    return Markup('<svg class="i" width="{0}" height="{0}" {1}><use href="{2}#{3}"/></svg>').format(
        size, Markup(says), static("maillage/icons.svg"), name
    )


@lru_cache(maxsize=8192)
def url(name: str, **kwargs) -> str:
    """Kept: a page writes the same few addresses again and again."""
    return reverse(name, kwargs=kwargs)


def environment(**options) -> Environment:
    """The pages' engine: a name a page forgot is an error, never an empty space."""
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    env = Environment(**options, extensions=[FrenchSpaces])
    env.globals |= {"static": static, "url": url, "icon": icon, "now": timezone.now}
    env.filters |= {
        each.__name__: each
        for each in (
            *(words.number, words.phone, words.clock, words.day, words.full_date, words.dated),
            *(words.moment, words.duration, words.since, words.ago, words.iso, words.plural),
            *(pins.spread, pins.names, pins.drop),
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


# Of several entries of one label, the first that is granted.
NAVIGATION = (
    ("Tableau", "snp:board", "layout-dashboard", Permission.SNP_DESK),
    ("Créneaux", "availability:free", "clock", Permission.SNP_DESK),
    ("Suivi", "snp:follow", "chart-bar", Permission.SNP_COUNTS),
    ("Chiffres", "snp:numbers", "target-arrow", Permission.SNP_NUMBERS),
    ("Ma journée", "home:cpts", "stethoscope", Permission.PROPOSAL_ANSWER),
    ("Disponibilités", "availability:week", "calendar-week", Permission.AVAILABILITY_EDIT),
    ("Sollicitations", "snp:preferences", "bell", Permission.AVAILABILITY_EDIT),
    ("Habitants", "residents:search", "users", Permission.RESIDENT_DESK),
    ("Médecin traitant", "medecin_traitant:waiting", "stethoscope", Permission.MT_DESK),
    ("Médecin traitant", "medecin_traitant:waiting", "stethoscope", Permission.MT_COORDINATE),
    ("Médecin traitant", "medecin_traitant:settings", "settings", Permission.MT_SETTINGS),
    ("Médecin traitant", "medecin_traitant:numbers", "stethoscope", Permission.MT_NUMBERS),
    ("Nouveaux patients", "medecin_traitant:offer", "user-plus", Permission.MT_PROFESSIONAL),
    ("Annuaire", "directory:list", "address-book", Permission.DIRECTORY_VIEW),
    ("Territoire", "territory:page", "map-2", Permission.TERRITORY_VIEW),
    ("Site public", "public:site", "external-link", Permission.PUBLIC_EDIT),
    ("Réglages", "snp:settings", "settings", Permission.SNP_SETTINGS),
    ("Rôles", "accounts:seats", "key", Permission.SEATS_MANAGE),
    ("Information", "residents:notices", "info-circle", Permission.CPTS_SETTINGS),
    ("Envois", "accounts:outbox", "mail", Permission.OUTBOX_VIEW),
    ("Relecture", "snp:glass_reviews", "lock", Permission.BREAK_GLASS_REVIEW),
    ("Journal", "home:journal", "notebook", Permission.JOURNAL_VIEW),
    ("Droits", "rights:search", "user-check", Permission.RIGHTS),
    ("Conservation", "rights:durations", "hourglass-low", Permission.RETENTION_EDIT),
)

# Pages whose address is not under that of their entry.
UNDER = {
    "medecin_traitant:attribution": "medecin_traitant:offer",
    "medecin_traitant:signal": "medecin_traitant:offer",
}

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
    granted = list({each[1]: each for each in reversed(granted)}.values())[::-1]
    match = request.resolver_match
    under = UNDER.get(match.view_name) if match else None
    found = [each[2] for each in granted if each[0] == under]
    found = found or [each[2] for each in granted if request.path.startswith(each[2])]
    here = max(found, key=len, default="")
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
    return {
        "is_demo": is_demo(),
        "has_psc": gateway.is_psc_configured(),
        "version": maillage.__version__,
    }
