"""G8, re-read: every text somebody could have written holds a script; each role opens in Chromium every
page that may show it, then its fragment. No script may run.

The Content-Security-Policy is the second wall: it is taken away here, so that what is escaped is seen
to be enough. `tests/browser` walks the same pages with it.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.db import connection, connections
from django.db.models import JSONField
from django.template import engines
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope
from jinja2 import ChoiceLoader, DictLoader
from test_routes import LISTS, OBJECTS

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.public.actions import publish_page
from maillage.public.enums import BlockKind
from maillage.residents.actions import set_notice
from trusted import FULL, evidence

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.browser,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="the browser runs on SQLite"),
]
# Texts that a person types, a national file brings or a browser sends: table, columns.
WRITTEN = {
    "accounts.Notice": ("recipient", "subject", "body", "last_error"),
    "accounts.User": ("given_name", "family_name"),
    "directory.CptsProfessional": ("note",),
    "directory.CptsStructure": ("note",),
    "directory.Place": ("name", "address"),
    "directory.Professional": ("given_name", "family_name"),
    "directory.Structure": ("name", "address", "postal_line", "source"),
    "directory.StructureContact": ("service", "email"),
    "directory.StructureKind": ("label", "group_label"),
    "directory.StructureMember": ("function",),
    "medecin_traitant.DoctorRequest": ("last_doctor", "note", "alert"),
    "medecin_traitant.DoctorRequestEvent": ("text",),
    "medecin_traitant.MtSettings": ("source", "cpam_basis"),
    "public.PublicPageVersion": ("title", "summary", "blocks"),
    "public.PublicImage": ("name",),
    "public.PublicSite": ("summary", "address", "rights_contact"),
    "residents.InformationNotice": ("text",),
    "residents.Resident": ("family_name", "given_name", "email"),
    "rights.RetentionRule": ("source", "decided_by"),
    "snp.BreakGlass": ("reason",),
    "snp.CareRequest": ("note", "caller_name", "to_tell", "alert"),
    "snp.CareRequestEvent": ("text",),
    "snp.DeskSettings": ("source", "out_of_hours_number", "out_of_hours_source"),
    "snp.HandOver": ("taken_over_by",),
    "snp.Proposal": ("explanation", "runner_up"),
    "snp.RedFlag": ("label",),
    "snp.RedFlagList": ("validated_by",),
    "snp.Ring": ("name",),
    "territory.Commune": ("name", "departement_name", "region_name", "source"),
    "territory.Cpts": ("name", "perimeter_note", "perimeter_source"),
    "usersessions.UserSession": ("user_agent",),
}
# Never drawn as they are: a browser's name is read from its words, a structure's group is a filter.
NOT_SHOWN = {
    ("usersessions.UserSession", "user_agent"),
    ("directory.StructureKind", "group_label"),
}
SHORT = "\"'><img src=x onerror=zxss({0})>"
LONG = (
    "=1+1;</title></textarea></script><script>zxss({0})</script><svg onload=zxss({0})>"
    "<a href=javascript:zxss({0})>zx{{{{7*7}}}}{{% raise %}}${{7*7}}\u202e"
)
VISITED = (
    "public:first",
    "public:find",
    "public:who",
    "public:rights",
    "public:join",
    "public:ask",
)
HOST = "http://localhost"
GIVEN = re.compile(r"fichier/$|\.csv$|/images/\d+/$")  # a file, not a page
# What a text of somebody became in the page, if it became anything.
MADE = """() => ({
  ran: window.zxRan === true,
  elements: [...document.querySelectorAll(
    'img[src="x"], [onerror], [onload], [onmouseover], a[href^="javascript:" i], base, iframe, object'
  )].map(each => each.outerHTML.slice(0, 80)),
  counted: document.body.innerText.includes('zx49'),
  shown: [...new Set([...document.documentElement.innerHTML.matchAll(/zxss\\((\\d+)\\)/g)].map(m => m[1]))],
})"""
# The same page as a fragment, put in its place as the board does every second.
FRAGMENT = """async () => {
  const answer = await fetch(location.href, {headers: {"HX-Request": "true"}});
  document.querySelector("#contenu").innerHTML = await answer.text();
  await new Promise(done => setTimeout(done, 0));
}"""


def columns():
    """Every column of the table above, numbered: a page tells by the number what it shows."""
    names = [(label, name) for label, fields in WRITTEN.items() for name in fields]
    return dict(enumerate(names, 100))


def payload(number, field, rank):
    """As much as fits, another for each row; where nothing limits it, a word of ten thousand letters."""
    text = SHORT.format(number) + LONG.format(number)
    if isinstance(field, JSONField):  # the blocks of a public page
        kinds = (BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST)
        return [
            {"kind": kind, "text": f"{text} {rank}", "url": "", "image": None} for kind in kinds
        ]
    if field.max_length is None:
        return f"{text} {'a' * 10_000} {rank}"
    return f"{text[: field.max_length - 4]}{rank}"


def write_scripts():
    """Each of these columns, in every row of the world."""
    numbers = {each: number for number, each in columns().items()}
    for label, names in WRITTEN.items():
        model = apps.get_model(label)
        rows = list(model._base_manager.all())
        assert rows, f"{label}: no row to hold it"
        for rank, row in enumerate(rows):
            for name in names:
                field = model._meta.get_field(name)
                setattr(row, name, payload(numbers[label, name], field, rank))
            row.save(update_fields=names)


def complete(world):
    """Rows that the world of the other checks does without."""
    desk, request = world.objects["own"]["proposal"].sent_by, world.objects["own"]["care_request"]
    now = timezone.now()
    with scope(cpts=world.own):
        set_notice(by=SYSTEM, cpts=world.own, text="Texte lu")
        publish_page(by=SYSTEM, page=world.objects["own"]["public_page"], number=1)
    apps.get_model("snp.HandOver")._base_manager.create(
        cpts=world.own, care_request=request, at=now, confirmed_at=now, confirmed_by=desk
    )
    for user in (world.users[Role.DISPATCHER], world.users[Role.PROFESSIONAL]):
        key = world.client_of(user).session.session_key
        apps.get_model("usersessions.UserSession").objects.create(
            user=user, ip="127.0.0.1", session_key=key
        )


@pytest.fixture(scope="module")
def scripted(world):
    """The world, with a script in each of its texts."""
    complete(world)
    write_scripts()
    return world


@pytest.fixture(scope="session", autouse=True)
def _asked_beside_a_loop():
    """Playwright keeps a loop in this thread; what asks the database does not run in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


def adopt(whole):
    connections["default"] = whole


@pytest.fixture(scope="module")
def thread(scripted):
    """Where the platform answers: away from the loop, on the connection that made the world."""
    whole = connections["default"]
    whole.inc_thread_sharing()
    with ThreadPoolExecutor(1, initializer=adopt, initargs=(whole,)) as pool:
        yield pool
    whole.dec_thread_sharing()


class Reader:
    """Somebody in Chromium, whose requests the platform answers; notes what should not happen."""

    def __init__(self, browser, thread, world, user=None, *, has_policy=False):
        self.thread = thread
        self.world, self.user, self.faults, self.shown = world, user, [], set()
        self.context = browser.new_context(bypass_csp=not has_policy)
        self.context.add_init_script("window.zxss = () => { window.zxRan = true; };")
        self.context.route("**/*", self._answer)
        self.page = self.context.new_page()
        self.page.on("dialog", self._dialog)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.note(error))

    def note(self, fault):
        self.faults.append(f"{self.page.url}: {str(fault)[:200]}")

    def _answer(self, route):
        request = route.request
        if not request.url.startswith(HOST):
            self.note(f"asked {request.url}")
            return route.abort()
        path = request.url.removeprefix(HOST)
        if path.startswith("/static/"):
            return route.fulfill(path=finders.find(path.removeprefix("/static/")))
        told = {"HX-Request": "true"} if "hx-request" in request.headers else {}
        answer = self._ask(path, told)
        while answer.status_code == 302:  # Chromium would follow it past this door
            answer = self._ask(answer["Location"], told)
        return route.fulfill(
            status=answer.status_code, headers=dict(answer.headers), body=answer.content
        )

    def _ask(self, path, told):
        return self.thread.submit(self.world.ask, self.user, path, headers=told).result()

    def _dialog(self, dialog):
        self.note("a dialog")
        dialog.dismiss()

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self.note(message.text)

    def read(self, url):
        answer = self.page.goto(HOST + url)
        if answer.status != 200:
            self.note(answer.status)
        self.judge("page")
        if self.page.locator("#contenu").count():
            self.page.evaluate(FRAGMENT)
            self.judge("fragment")

    def judge(self, what):
        made = self.page.evaluate(MADE)
        self.shown |= {int(each) for each in made["shown"]}
        if made["ran"] or made["elements"] or made["counted"]:
            self.note(f"{what}: {made['ran']} {made['counted']} {made['elements'][:3]}")


def pages(world):
    """What to read, by user: what the hand tables open, one's own pages, the link of a mail. Each page
    once; at full size, once by each role."""
    found, met = {}, set()
    for _, user, url in world.pages((LISTS, OBJECTS)):
        if not GIVEN.search(url) and (FULL or url not in met):
            found.setdefault(user, []).append(url)
            met.add(url)
    own = ("home:seats", "accounts:account", "accounts:sessions")
    found[world.users[Role.PROFESSIONAL]] += [world.url(name) for name in own]
    found[None] = [world.url("snp:link"), *(world.url(name) for name in VISITED)]
    slug = world.objects["own"]["public_page"].slug
    found[None].append(reverse("public:text", args=[world.own.slug, slug]))
    return found


def test_no_script_of_somebody_runs(browser, thread, scripted):
    shown, faults, read = set(), [], 0
    for user, urls in pages(scripted).items():
        reader = Reader(browser, thread, scripted, user)
        for url in urls:
            reader.read(url)
        shown |= reader.shown
        faults += reader.faults
        read += len(urls)
        reader.context.close()
    assert faults == [], "\n".join(faults[:40])
    unseen = {each for number, each in columns().items() if number not in shown}
    assert unseen <= NOT_SHOWN
    evidence("G8", "pages then fragments re-read in Chromium, 0 script run", read)
    evidence("G8", "columns that held a script and were met in a page", len(shown))


@pytest.mark.parametrize("has_policy", [False, True])
def test_a_text_that_is_not_escaped_is_seen(browser, thread, scripted, monkeypatch, has_policy):
    """Seeded: one value marked as safe in one template. The policy then holds alone."""
    pages_engine = engines.all()[0].env
    name = "directory/_structure.html"
    source = pages_engine.loader.get_source(pages_engine, name)[0]
    escaped = '<th scope="row">{{ each.service }}'
    assert source.count(escaped) == 1
    unsafe = DictLoader({name: source.replace(escaped, escaped.replace(" }}", " | safe }}"))})
    monkeypatch.setattr(pages_engine, "loader", ChoiceLoader([unsafe, pages_engine.loader]))
    pages_engine.cache.clear()
    user = scripted.users[Role.COORDINATOR]
    reader = Reader(browser, thread, scripted, user, has_policy=has_policy)
    reader.read(scripted.url("directory:structure", scripted.objects["own"]["structure"].pk))
    pages_engine.cache.clear()
    reader.context.close()
    ran = [each for each in reader.faults if " page: True" in each]
    assert any("onerror" in each for each in reader.faults)
    assert bool(ran) != has_policy
    assert any("Content Security Policy" in each for each in reader.faults) == has_policy
