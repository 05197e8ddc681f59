"""Every page of every role: no axe violation, no overflow at 320 px, nothing from another host."""

from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import HERE

pytestmark = pytest.mark.browser
PAGES = {
    "Malo Standard": [
        *("snp/", "snp/nouvelle/", "annuaire/", "annuaire/?q=coqelico", "habitants/"),
        *("habitants/nouveau/", "territoire/", "territoire/71306/", "snp/DEMANDE/fil/"),
        *("snp/DEMANDE/annuler/", "snp/DEMANDE/signes/", "snp/DEMANDE/accord/"),
        *("structures/", "structures/?q=ehpad", "structures/1/"),
        *("snp/releve/", "snp/jour/", "snp/absences/", "snp/DEMANDE/fusionner/"),
        *("snp/DEMANDE/pourquoi/", "snp/DEMANDE/minutes/"),
        *("snp/astreinte/", "snp/chiffres/", "creneaux/"),
    ],
    "Nour Coordination": [
        *(
            "snp/jour/",
            "snp/DEMANDE/minutes/",
            "snp/DEMANDE/pourquoi/",
            "snp/DEMANDE/pourquoi/?q=coqelico",
        ),
        *("", "snp/suivi/", "snp/reglages/", "annuaire/ajouter/", "structures/1/"),
        *("structures/ajouter/", "structures/ajouter/?q=zzz", "contacts/1/"),
        *("snp/cercles/", "snp/cercles/1/", "snp/astreinte/", "snp/accords/", "snp/chiffres/"),
        "sollicitations/repartition/",
    ],
    "Ariane Administration": ["", "roles/", "envois/"],
    "Alix Coquelicot": [
        *("", "disponibilites/", "disponibilites/visibilite/", "delegations/"),
        *("sollicitations/", "sollicitations/recues/", "sollicitations/repartition/"),
    ],
    "Célestin Secrétariat": [
        *("", "disponibilites/", "disponibilites/semaines/", "delegations/", "sollicitations/"),
    ],
    "Thémis": ["", "journal/", "journal/?habitant=douze&acte=snp.created"],
    "Lise Lecture": ["", "territoire/", "snp/chiffres/"],
    "Prune Présidence": ["", "sollicitations/repartition/"],
    "Octave Trésorerie": [""],
}
VIEWS = [(1440, 900, "light"), (320, 640, "dark")]


@pytest.fixture
def care_request(browser, serve, enter):
    """The id of the first request of the board."""
    page = browser.new_page()
    enter(page, "Malo Standard")
    page.goto(f"{serve}{HERE}snp/")
    pk = page.locator("a.req").first.get_attribute("id").removeprefix("req-")
    page.close()
    return pk


@pytest.mark.parametrize("who", PAGES)
def test_pages_are_accessible_and_fit(browser, serve, enter, axe, care_request, who):
    faults = []
    context = browser.new_context()
    page = context.new_page()
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on(
        "console",
        lambda message: (
            faults.append(f"{page.url}: {message.text}")
            if message.type in {"error", "warning"}
            else None
        ),
    )
    enter(page, who)
    for path in (each.replace("DEMANDE", care_request) for each in PAGES[who]):
        for width, height, scheme in VIEWS:
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            answer = page.goto(f"{serve}{HERE}{path}")
            line = f"{path or 'accueil'} {width} {scheme}"
            if answer.status != 200:
                faults.append(f"{line}: {answer.status}")
                continue
            faults += [f"{line}: {each}" for each in axe(page)]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{line}: wider than the screen")
            if width == 1440:
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                assert "no-store" in answer.headers["cache-control"]
    assert hosts == {urlsplit(serve).netloc}
    assert faults == [], "\n".join(faults)


def test_nine_requests_are_visible(browser, serve, enter):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    enter(page, "Malo Standard")
    whole = page.evaluate(
        """() => [...document.querySelectorAll('.queue li')].filter(each => {
            const box = each.getBoundingClientRect();
            const foot = document.querySelector('footer').getBoundingClientRect();
            return box.bottom <= foot.top;
        }).length"""
    )
    assert whole >= 9


def test_the_shares_are_short_on_a_phone(browser, serve, enter):
    """A professional in four lines at most: the name, then the six numbers."""
    page = browser.new_context(viewport={"width": 320, "height": 640}).new_page()
    enter(page, "Nour Coordination")
    page.goto(f"{serve}{HERE}sollicitations/repartition/")
    rows = page.locator(".t tbody tr").all()
    assert len(rows) > 5
    assert max(row.bounding_box()["height"] for row in rows[1:-1]) <= 110
    assert page.locator(".t tbody tr").nth(1).locator("td:visible").count() == 6


def test_the_door_and_the_login(page, serve, axe):
    for path in ("/demo/", "/compte/login/", "/compte/password/reset/"):
        page.goto(serve + path)
        assert "personnes fictives" in page.locator("body").inner_text()
        assert axe(page) == [], path
