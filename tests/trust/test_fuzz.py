"""What no browser sends: every page, form and address with words made to break them. None may break,
hang, write a file or come back as HTML."""

import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest
from forms import all_forms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_foreign_ids import keys_read
from test_routes import LISTS, OBJECTS
from world import METHODS_ALL

from maillage.accounts.enums import Role
from maillage.directory.models.professionals import ProfessionalQuerySet
from trusted import evidence, size

pytestmark = pytest.mark.django_db
TABLES = (LISTS, OBJECTS)
CANARY = Path(tempfile.gettempdir()) / "maillage-canari"
XSS = "<script>zxss()</script>"
SECONDS = 2.0
TIMES_ASKED_AGAIN = 3
WORDS = {
    "sql": (
        *("'", '"', "1 OR 1=1", "1; DROP TABLE snp_carerequest", "' UNION SELECT NULL--", "%27"),
        *("1) OR (1=1", "\\", "%", "_", "-- ", "/*", "pg_sleep(9)", "1'||pg_sleep(9)||'"),
    ),
    "path": (
        *("../../../../etc/passwd", "..\\..\\boot.ini", f"../../..{CANARY}", f"|touch {CANARY}"),
        *(f"$(touch {CANARY})", f"`touch {CANARY}`", "file:///etc/passwd", "/dev/zero", "con", "."),
    ),
    "lines": ("a\r\nSet-Cookie: z=1", "a\nLocation: https://mal.example", "%0d%0aX: 1", "\r", "\n"),
    "html": (
        *(XSS, '"><script>zxss()</script>', "' onmouseover='zxss()", "javascript:zxss()"),
        *(
            "<img src=x onerror=zxss()>",
            "{{7*7}}",
            "{% include 'x' %}",
            "${7*7}",
            "<svg/onload=zxss()>",
        ),
    ),
    "letters": (
        *(
            "\x00",
            "a\x00b",
            "\ud7ff\ue000",
            "🧑‍⚕️",
            "\u202eabc",
            "é" * 90,
            "ﷺ" * 30,
            "İ",
            "ß",
            "²",
            "٣",
            "１",
        ),
        *("\u2028", "\ufeff", "NaN", "null", "undefined", "\U0010ffff", "a\u0301" * 40, "\x1b[2J"),
    ),
    "sizes": (
        "a" * 300,
        "9" * 400,
        "a" * 70_000,
        "1" * 19,
        "1" * 20,
        "-" * 50,
        " ",
        "\t",
        "," * 500,
    ),
    "kinds": (
        *(
            "-1",
            "0",
            "1.5",
            "1e309",
            "-1e309",
            "0x10",
            "1_000",
            "+1",
            "True",
            "[]",
            "{}",
            "on",
            "off",
        ),
        *("9223372036854775807", "9223372036854775808", "2147483648", "32768", "00001", "1,5", "١"),
    ),
    "times": (
        *(
            "0000-00-00",
            "0001-01-01",
            "9999-12-31",
            "10000-01-01",
            "2026-02-30",
            "2026-13-01",
            "24:00",
        ),
        *("25:61", "2027-03-28T02:30", "2026-10-25T02:30", "0001-01-01T00:00", "9999-12-31T23:59"),
        *("2026-W01", "today", "1969-12-31", "2026-11-23T10:00+99:99", "12:00:00.1234567"),
    ),
}
EVERY = [each for words in WORDS.values() for each in words]
HEADERS = (
    "HX-Request",
    "HX-Target",
    "Referer",
    "Accept-Language",
    "If-None-Match",
    "Range",
    "Accept",
)


def timed(send):
    began = time.monotonic()
    return send(), time.monotonic() - began


class Attack:
    """Draws requests, and keeps what went wrong."""

    def __init__(self, world, seed):
        self.world, self.draw = world, random.Random(seed)
        self.forms = all_forms(world, TABLES)
        self.pages = list(world.pages(TABLES))
        self.keys = sorted(keys_read())
        self.actors = [None, *world.users.values()]
        self.wrong, self.tally, self.slow = [], Counter(), Counter()

    def word(self):
        word = self.draw.choice(EVERY)
        if self.draw.random() < 0.2:
            word += self.draw.choice(EVERY)[:200]
        return word

    def form(self):
        """A form filled as usual but for one field, or for some."""
        form = self.draw.choice(self.forms)
        data = form.filled()
        for name in self.draw.sample(
            sorted(form.fields), min(self.draw.choice((1, 1, 2, 9)), len(form.fields))
        ):
            how = self.draw.random()
            if how < 0.1:
                data.pop(name, None)
            else:
                data[name] = [self.word(), self.word()] if how < 0.2 else self.word()
        return f"{form.who} {form.method} {form.route} {short(data)}", lambda: form.send(
            self.world, data
        )

    def query(self):
        role, user, url = self.draw.choice(self.pages)
        keys = self.draw.sample(self.keys, self.draw.choice((1, 2, 5)))
        data = {key: self.word() for key in keys}
        headers = {
            self.draw.choice(HEADERS): re.sub(r"[\r\n\x00]|[^\x00-\xff]", "", self.word())[:2000]
        }
        return (
            f"{role} get {url} {short(data)} {short(headers)}",
            lambda: self.world.ask(user, url.split("?")[0], "get", data, headers=headers),
        )

    def address(self):
        """A part of an address replaced, as it is and encoded."""
        name = self.draw.choice([*LISTS, *OBJECTS, "snp:link", "accounts:seat_accept"])
        parts = self.world.url(name, 1).strip("/").split("/")
        at = self.draw.randrange(len(parts))
        parts[at] = quote(self.word()[:3000], safe=self.draw.choice(("", "%/")))
        url, user, method = (
            "/" + "/".join(parts) + "/",
            self.draw.choice(self.actors),
            self.method(),
        )
        return f"{method} {short(url)}", lambda: self.world.ask(user, url, method)

    def method(self):
        return self.draw.choice(METHODS_ALL)

    def body(self):
        """Another method, or a body that is not a form."""
        name = self.draw.choice([*LISTS, *OBJECTS])
        kind = OBJECTS.get(name, (None,))[0]
        url = self.world.url(name, self.world.objects["own"][kind].pk if kind else None)
        method = self.draw.choice(("post", "put", "patch", "delete"))
        kinds = ("application/json", "text/xml", "multipart/form-data; boundary=x", "text/plain")
        how, user = self.draw.choice(kinds), self.draw.choice(self.actors)
        data = self.word().encode("utf-8", "replace")
        return (
            f"{method} {url} {how} {short(data)}",
            lambda: self.world.ask(user, url, method, data, content_type=how),
        )

    def run(self, count):
        for _ in range(count):
            make = self.draw.choices(
                (self.form, self.query, self.address, self.body), (5, 2, 2, 1)
            )[0]
            line, send = make()
            answer, took = timed(send)
            self.tally[answer.status_code] += 1
            while took > SECONDS and self.again(line):
                took = min(took, timed(send)[1])
            self.judge(line, answer, took)
        return self.wrong

    def again(self, line):
        """Whether to ask once more: a machine that did something else did not hang, a request that
        hangs does so each time."""
        self.slow[line] += 1
        return self.slow[line] <= TIMES_ASKED_AGAIN

    def judge(self, line, answer, took):
        if answer.status_code >= 500 and "sante" not in line:
            self.wrong.append(f"{answer.status_code} {line}")
        if took > SECONDS:
            self.wrong.append(f"{took:.1f} s {line}")
        text = answer.content.decode("utf-8", "replace")
        kind = answer.headers.get("Content-Type", "")
        if "html" in kind and re.search(
            r"<(script>|img src=x|svg/on)|(href|src|action)=\W*javascript:zxss", text
        ):
            self.wrong.append(f"HTML of a stranger: {line}")
        if "Set-Cookie: z" in str(answer.headers) or "mal.example" in answer.headers.get(
            "Location", ""
        ):
            self.wrong.append(f"header of a stranger: {line}")


def short(data) -> str:
    text = repr(data)
    return text if len(text) < 220 else f"{text[:200]}… ({len(text)})"


def test_nothing_breaks(world):
    attack = Attack(world, seed=8)
    wrong = attack.run(size(500, 50_000))  # on each engine: 100 000 in all
    assert wrong == [], "\n".join(wrong[:30])
    assert not CANARY.exists()
    assert {200, 302, 404, 422} <= attack.tally.keys()
    told = ", ".join(f"{status}: {count}" for status, count in sorted(attack.tally.items()))
    evidence(
        "G8", "requests made to break, 0 over 2 s, 0 × 5xx, no file, no HTML", attack.tally.total()
    )
    evidence("G8", "their answers", told)


TEXTS = st.one_of(st.text(max_size=60), st.sampled_from(EVERY), st.integers().map(str))
TEXTS |= st.dates().map(str) | st.times().map(str) | st.floats().map(str)


@settings(
    max_examples=size(60, 6000),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_forms_take_anything(world, data):
    """Each form, its fields drawn by Hypothesis: a page or a refusal, never a breakdown."""
    form = data.draw(st.sampled_from(all_forms(world, TABLES)))
    names = data.draw(st.lists(st.sampled_from(sorted(form.fields)), min_size=1, unique=True))
    sent = form.filled() | {name: data.draw(TEXTS) for name in names}
    sent = {key: clean(value) for key, value in sent.items()}
    assert form.send(world, sent).status_code < 500


def clean(value):
    """A surrogate alone cannot be sent."""
    one = lambda text: text.encode("utf-8", "replace").decode()  # noqa: E731
    return [one(each) for each in value] if isinstance(value, list) else one(value)


def test_a_text_that_postgresql_cannot_hold_breaks_no_search(world):
    """A NUL typed where the database is asked without a form before it."""
    coordinator, dispatcher = world.users[Role.COORDINATOR], world.users[Role.DISPATCHER]
    free, communes = world.url("availability:free"), world.url("territory:page")
    add = world.url("directory:structure_add")
    asked = [
        (dispatcher, f"{free}?commune=a%00b", "get", {}),
        (dispatcher, f"{communes}a%00b/", "get", {}),
        (coordinator, add, "post", {"structure": "a\x00b"}),
    ]
    for user, address, method, data in asked:
        assert world.ask(user, address, method, data).status_code < 500, address


def test_a_break_is_seen(world, monkeypatch):
    """Seeded: an order taken from the query, as it comes."""
    monkeypatch.setattr(
        ProfessionalQuerySet, "visible_to", lambda self, actor: self.order_by("pk; DROP")
    )
    attack = Attack(world, seed=1)
    user = world.users[Role.COORDINATOR]
    pk = world.objects["own"]["professional"].pk
    answer = world.ask(user, world.url("directory:detail", pk))
    attack.judge("order", answer, 0.0)
    attack.judge("slow", world.ask(user, world.url("home:cpts")), 3.0)
    assert [each.split(" ")[0] for each in attack.wrong] == ["500", "3.0"]


def test_html_of_a_stranger_is_seen(world, monkeypatch):
    """Seeded: a note marked as safe."""
    attack = Attack(world, seed=1)
    user = world.users[Role.COORDINATOR]
    record = world.objects["own"]["structure"]
    type(record)._base_manager.filter(pk=record.pk).update(note=XSS)
    url = world.url("directory:structure", record.pk)
    attack.judge("escaped", world.ask(user, url), 0.0)
    assert attack.wrong == []
    monkeypatch.setattr("markupsafe._escape_inner", str)
    attack.judge("marked", world.ask(user, url), 0.0)
    assert attack.wrong == ["HTML of a stranger: marked"]
