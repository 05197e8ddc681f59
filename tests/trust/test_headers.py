"""What every answer carries, whatever it answers: pages, redirections, refusals, breakdowns."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from test_routes import LISTS, OBJECTS, sample
from world import FAR, routes

from maillage.accounts.enums import Role
from maillage.config import urls
from maillage.kernel.pages import Access, page
from people import make_cpts, make_user, sign_in
from trusted import evidence, size

pytestmark = pytest.mark.django_db
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DIRECTIVES = {"default-src": "'none'", "script-src": "'self'", "frame-ancestors": "'none'"}
DIRECTIVES |= {"base-uri": "'none'", "form-action": "'self'"}


# Pages of strangers, the same for everybody: kept by any cache, asked again each time, no cookie.
SHARED = {f"public:{name}" for name in ("first", "find", "who", "rights", "join", "text")}
SHARED |= {"public:image", "public:sitemap", "public:doctors"}


def faults_of(line, answer) -> list[str]:
    """What this answer lacks."""
    wrong = [
        f"{name} {answer.get(name)}" for name, is_ in ALWAYS.items() if answer.get(name) != is_
    ]
    policy = answer.get("Content-Security-Policy", "")
    if "unsafe" in policy or "*" in policy or "http:" in policy:
        wrong.append(f"policy {policy}")
    given = dict(each.strip().split(" ", 1) for each in policy.split(";") if " " in each.strip())
    wrong += [
        f"{name} {given.get(name)}" for name, is_ in DIRECTIVES.items() if given.get(name) != is_
    ]
    kept = answer.get("Cache-Control", "")
    if line.rpartition(" ")[2] in SHARED and answer.status_code == 200:
        if kept != "public, no-cache" or not answer.get("ETag") or answer.cookies:
            wrong.append(f"kept otherwise: {kept!r}")
    elif "no-store" not in kept or "private" not in kept:
        wrong.append(f"kept by the browser: {kept!r}")
    for name, cookie in answer.cookies.items():
        if (
            cookie["samesite"] not in {"Lax", "Strict"}
            or not cookie["httponly"]
            or cookie["domain"]
        ):
            wrong.append(f"cookie {name}: {cookie.OutputString()}")
    return [f"{line}: {each}" for each in wrong]


def test_every_answer_carries_its_headers(world):
    tally, wrong = Counter(), []
    cells = sample(world)
    for line, user, url, method, _ in cells[:: max(1, len(cells) // size(350, 20_000))]:
        answer = world.ask(user, url, method)
        tally[answer.status_code] += 1
        wrong += faults_of(line, answer)
    assert wrong == [], "\n".join(wrong[:40])
    assert {200, 302, 403, 404} <= tally.keys()
    evidence("G7", "answers met, each with its headers", sum(tally.values()))


def test_a_browser_that_leaves_forgets_everything(client):
    """Log-out, a session closed elsewhere; not a page with a form, which needs its new cookie."""
    sign_in(client, make_cpts("sortie"), Role.READER)
    assert "Clear-Site-Data" not in client.get("/compte/logout/")
    left = client.post("/compte/logout/")
    assert left.status_code == 302
    assert left["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    user = make_user()
    for url, is_told in (("/compte/", True), ("/compte/login/", False)):
        client.force_login(user)
        client.session.delete()
        assert ("Clear-Site-Data" in client.get(url)) is is_told
    assert "Clear-Site-Data" not in Client().get("/compte/")  # never signed in: nothing to forget


def broken(request):
    raise RuntimeError("une panne")


def kept(request):
    return HttpResponse("")


@pytest.fixture
def more_pages():
    """A page that breaks, and one that a cache may keep."""
    more = [
        path("panne/", page(Access.SIGNED_IN)(broken), name="broken"),
        path("gardee/", cache_page(60)(kept), name="kept"),
    ]
    named = type("Urls", (), {"urlpatterns": [*more, *urls.urlpatterns]})
    with override_settings(ROOT_URLCONF=named):
        yield


def test_a_breakdown_carries_them_too(world, more_pages):
    answer = world.ask(world.users[Role.DISPATCHER], "/panne/")
    assert answer.status_code == 500
    assert faults_of("breakdown", answer) == []
    assert "une panne" not in answer.content.decode() and "Traceback" not in answer.content.decode()


def test_a_page_that_a_cache_may_keep_is_seen(world, more_pages):
    answer = world.ask(world.users[Role.DISPATCHER], "/gardee/")
    assert any("kept by the browser" in each for each in faults_of("kept", answer))


def test_a_conflict_and_a_refused_form_carry_them(world):
    care_request = world.objects["own"]["care_request"]
    desk = world.users[Role.DISPATCHER]
    for url, method, status in (
        (world.url("snp:outcome", care_request.pk), "post", 302),
        (world.url("snp:cancel", care_request.pk), "post", 422),
        (world.url("snp:story", FAR), "get", 404),
        (world.url("snp:settings"), "get", 403),
    ):
        answer = world.ask(desk, url, method)
        assert answer.status_code == status and faults_of(url, answer) == []
    stale = Client(enforce_csrf_checks=True)
    answer = stale.post("/compte/login/", {"login": "a@b.example"})
    assert answer.status_code == 403 and faults_of("csrf", answer) == []
    assert len(LISTS) + len(OBJECTS) < len(routes())


PRODUCTION = {
    "MAILLAGE_SITE_URL": "https://cpts.example",
    "MAILLAGE_SECRET_KEY": "cle-d-essai-0123456789" * 3,
    "MAILLAGE_HOSTS": "cpts.example",
}
ASK = """
import django, json, io
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from maillage.config.middleware import SecurityHeaders
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory
said = io.StringIO()
call_command("check", "--deploy", "--fail-level", "WARNING", stdout=said, stderr=said)
secure = RequestFactory().get("/", secure=True, headers={"host": "cpts.example"})
plain = RequestFactory().get("/", headers={"host": "cpts.example"})
answer = SecurityMiddleware(SecurityHeaders(lambda request: HttpResponse("")))(secure)
moved = SecurityMiddleware(lambda request: HttpResponse(""))(plain)
print(json.dumps({
    "said": said.getvalue(),
    "session": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE],
    "csrf": [settings.CSRF_COOKIE_NAME, settings.CSRF_COOKIE_SECURE],
    "path": [settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN],
    "hsts": answer.headers["Strict-Transport-Security"],
    "moved": [moved.status_code, moved.headers["Location"]],
}))
"""


def in_production(**more):
    """A process of its own, with the settings of a real server."""
    environment = (
        os.environ | PRODUCTION | more | {"DJANGO_SETTINGS_MODULE": "maillage.config.settings"}
    )
    environment["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_real_server_holds_its_cookies_and_its_https():
    done = in_production()
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert "no issues" in found["said"]
    assert found["session"] == ["__Host-sessionid", True]
    assert found["csrf"] == ["__Host-csrftoken", True]
    assert found["path"] == ["/", None]  # what the prefix demands of a cookie
    assert "max-age=31536000" in found["hsts"] and "includeSubDomains" in found["hsts"]
    assert found["moved"] == [301, "https://cpts.example/"]
    evidence("G7", "check --deploy with the settings of a real server", "no issue")


def test_a_server_without_https_is_seen():
    done = in_production(MAILLAGE_HTTPS="0")
    assert done.returncode != 0 and "security.W004" in done.stderr + done.stdout
