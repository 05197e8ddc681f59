"""The forms of the pages, as a browser would find and fill them."""

import datetime as dt
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from django.utils.functional import cached_property

from factories import MONDAY
from people import fake_rpps

TYPED = {
    "date": (MONDAY + dt.timedelta(days=2)).date().isoformat(),
    "datetime-local": (MONDAY + dt.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M"),
    "time": "10:00",
    "number": "1",
    "tel": "06 39 98 77 99",
    "email": "essai@cpts.example",
}
NAMED = {
    "rpps": fake_rpps(777_777),
    "birth_date": "1980-01-01",
    "commune": "Blanzy",
    **dict.fromkeys(("starts", "from_time", "quiet_from"), "18:00"),
    **dict.fromkeys(("ends", "until_time"), "20:00"),
    "quiet_to": "23:00",
    "until_on": (MONDAY + dt.timedelta(days=4)).date().isoformat(),
    "starts_at": (MONDAY + dt.timedelta(days=2)).strftime("%Y-%m-%dT10:00"),
    "ends_at": (MONDAY + dt.timedelta(days=2)).strftime("%Y-%m-%dT12:00"),
    "slot_minutes": "20",
}


@dataclass
class Field:
    """One name of a form: what it holds, and what may be chosen."""

    name: str
    kind: str
    values: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)

    @property
    def is_choice(self) -> bool:
        return self.kind in {"select", "radio", "checkbox"}

    def usual(self, refused: frozenset[str]) -> list[str]:
        """What a hurried person leaves there."""
        if self.kind in {"hidden", "submit"}:
            return self.values[:1]
        if self.is_choice:
            kept = [each for each in self.chosen if each]
            free = [each for each in self.values if each and each not in refused]
            return kept or ([] if self.kind == "checkbox" else free[:1])
        if self.values and self.values[0].strip():
            return self.values[:1]
        return [NAMED.get(self.name) or TYPED.get(self.kind, "Essai")]


@dataclass
class Form:
    """One form of one page, for one actor."""

    who: str
    user: object
    page: str
    action: str
    method: str
    fields: dict[str, Field]

    @cached_property
    def route(self) -> str:
        try:
            return resolve(urlsplit(self.action).path).view_name
        except Resolver404:
            return self.action

    def filled(self, refused=frozenset()) -> dict[str, list[str]]:
        submits = [each.name for each in self.fields.values() if each.kind == "submit"]
        left_out = {"csrfmiddlewaretoken", *submits[1:]}
        found = {k: each.usual(refused) for k, each in self.fields.items() if k not in left_out}
        return {name: values for name, values in found.items() if values}

    def send(self, world, data, **extra):
        return world.ask(self.user, self.action, self.method, data, **extra)


class _Reader(HTMLParser):
    """Forms, and the fields that name theirs from elsewhere in the page (`form=`)."""

    def __init__(self):
        super().__init__()
        self.forms, self.by_id = [], {}
        self.form = self.select = self.text = None
        self.links = set()

    def handle_starttag(self, tag, attrs):
        given = {key: value or "" for key, value in attrs}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if tag == "form":
            self.form = (given.get("action", ""), given.get("method", "get").lower(), {})
            self.forms.append(self.form)
            self.by_id[given.get("id")] = self.form
        elif tag == "option" and self.select is not None:
            self.select.values.append(given.get("value", ""))
            if "selected" in given:
                self.select.chosen.append(given.get("value", ""))
        elif tag in {"input", "select", "textarea", "button"}:
            self._field(tag, given)

    def _field(self, tag, given):
        form = self.by_id.get(given["form"]) if given.get("form") else self.form
        if form is None or not given.get("name"):
            return
        kind = tag if tag in {"select", "textarea"} else given.get("type", "text")
        kind = "submit" if tag == "button" else kind
        found = form[2].setdefault(given["name"], Field(given["name"], kind))
        if tag == "select":
            self.select = found
        elif tag == "textarea":
            self.text = found
        elif "value" in given or kind == "checkbox":
            found.values.append(given.get("value", "on"))
            if "checked" in given:
                found.chosen.append(given.get("value", "on"))

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.text = None

    def handle_data(self, data):
        if self.text is not None and not self.text.values:
            self.text.values.append(data.removeprefix("\n"))


def forms_in(text: str, who, user, page) -> list[Form]:
    reader = _Reader()
    reader.feed(text)
    return [
        Form(who, user, page, action or page, method, fields)
        for action, method, fields in reader.forms
        if method in {"get", "post"} and not action.startswith("http")
    ]


def forms_of(world, pages) -> list[Form]:
    """Every form of these (who, user, url); one of each kind for each actor."""
    found = {}
    for who, user, url in pages:
        answer = world.ask(user, url)
        if not answer["Content-Type"].startswith("text/html"):
            continue
        for form in forms_in(answer.content.decode(), who, user, url):
            shape = re.sub(r"\d+", "", form.action.split("?")[0])
            found.setdefault((who, form.method, shape, *sorted(form.fields)), form)
    return list(found.values())


def all_forms(world, tables) -> list[Form]:
    """Those of every page that the hand tables open; looked for once."""
    if not hasattr(world, "forms"):
        world.forms = forms_of(world, world.pages(tables))
    return world.forms
