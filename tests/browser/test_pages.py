"""Every page of every role: no axe violation, no overflow at any width, nothing from another host, and
nothing that only a script would serve."""

import re
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HERE, Server

pytestmark = pytest.mark.browser
SITE = HERE.replace("/c/", "/p/")
VISITOR = "Visiteur"  # who has no account
PAGES = {
    "Malo Standard": [
        *("snp/", "snp/nouvelle/", "annuaire/", "annuaire/?q=coqelico", "habitants/"),
        *("habitants/nouveau/", "territoire/", "territoire/71306/", "snp/DEMANDE/fil/"),
        *("snp/DEMANDE/annuler/", "snp/DEMANDE/signes/", "snp/DEMANDE/accord/"),
        *("structures/", "structures/?q=ehpad", "structures/1/"),
        *("snp/releve/", "snp/jour/", "snp/absences/", "snp/DEMANDE/fusionner/"),
        *("snp/DEMANDE/pourquoi/", "snp/DEMANDE/minutes/"),
        *("snp/astreinte/", "snp/chiffres/", "creneaux/"),
        *("habitants/HABITANT/", "habitants/HABITANT/modifier/"),
        *("medecin-traitant/", "medecin-traitant/nouvelle/", "medecin-traitant/ATTEND/"),
        *("medecin-traitant/cpam/", "medecin-traitant/chiffres/"),
        "medecin-traitant/nouvelle/?foyer=ATTEND",
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
        *("sollicitations/repartition/", "snp/bris-de-glace/"),
        *("medecin-traitant/", "medecin-traitant/ATTEND/", "medecin-traitant/offres/"),
        *("medecin-traitant/reglages/", "medecin-traitant/attribution/"),
        *("medecin-traitant/chiffres/", "medecin-traitant/attribution/?prix=1"),
        *("site/", "site/nouvelle-page/", "site/images/", "site/annuaire/"),
        *("site/pages/PAGE/", "site/pages/PAGE/apercu/", "site/pages/PAGE/versions/"),
    ],
    "Ariane Administration": [
        *("", "roles/", "envois/", "information/", "conservation/", "medecin-traitant/reglages/"),
        *("/compte/", "/compte/sessions/", "/compte/2fa/", "/compte/2fa/totp/activate/"),
        *("/compte/2fa/webauthn/", "/compte/2fa/webauthn/add/", "/compte/password/change/"),
        "/compte/fiche/",
    ],
    "Alix Coquelicot": [
        *("", "disponibilites/", "disponibilites/visibilite/", "delegations/"),
        *("sollicitations/", "sollicitations/recues/", "sollicitations/repartition/"),
        *("snp/bris-de-glace/", "/compte/fiche/"),
        *("medecin-traitant/offre/", "medecin-traitant/signaler/", "site/ma-fiche/"),
        "medecin-traitant/proposition/PROPOSEE/",
    ],
    "Célestin Secrétariat": [
        *("", "disponibilites/", "disponibilites/semaines/", "delegations/", "sollicitations/"),
    ],
    "Thémis": [
        *("", "journal/", "journal/?habitant=douze&acte=snp.created", "droits/"),
        *("droits/HABITANT/", "conservation/", "snp/bris-de-glace/relecture/"),
    ],
    "Lise Lecture": ["", "territoire/", "snp/chiffres/"],
    "Prune Présidence": ["", "sollicitations/repartition/"],
    "Octave Trésorerie": [""],
    VISITOR: [
        *(
            SITE,
            f"{SITE}professionnels/",
            f"{SITE}professionnels/?minutes=20",
            f"{SITE}vos-droits/",
        ),
        *(f"{SITE}medecin-traitant/", f"{SITE}medecin-traitant/demande/"),
        *(f"{SITE}qui-sommes-nous/", f"{SITE}nous-rejoindre/", f"{SITE}pages/mentions-legales/"),
        *("/medecin-traitant/suivi/", "SUIVI", "OFFRE", "REPONSE"),
    ],
}
VIEWS = [(1440, 900, "light"), (1100, 800, "light"), (320, 640, "dark")]
WIDER = "document.documentElement.scrollWidth > innerWidth"
# A button that sends no form does nothing without a script, unless it opens what the browser opens.
DEAD = """() => [...document.querySelectorAll('button, a:not([href]), [onclick]')].filter(each =>
  each.checkVisibility() && !each.form && !each.hasAttribute('popovertarget')
).map(each => each.outerHTML.slice(0, 80))"""


def first_request(folder, column):
    """A column of the oldest request of the main CPTS that names somebody."""
    query = f"""SELECT r.{column} FROM snp_carerequest r JOIN territory_cpts c ON c.id = r.cpts_id
        WHERE c.slug = ? AND r.resident_id IS NOT NULL ORDER BY r.id LIMIT 1"""  # noqa: S608
    with closing(sqlite3.connect(folder / "maillage.sqlite3")) as database:
        return str(database.execute(query, [HERE.split("/")[2]]).fetchone()[0])


@pytest.fixture
def care_request(browser, serve, enter):
    """The id of the first request of the board."""
    page = browser.new_page()
    enter(page, "Malo Standard")
    page.goto(f"{serve}{HERE}snp/")
    pk = page.locator("a.req").first.get_attribute("id").removeprefix("req-")
    page.close()
    return pk


@pytest.fixture
def resident(serve, folder):
    return first_request(folder, "resident_id")


def oldest(folder, table, order):
    with closing(sqlite3.connect(folder / "maillage.sqlite3")) as database:
        query = f"SELECT id FROM {table} ORDER BY {order} LIMIT 1"  # noqa: S608 - our own words
        return str(database.execute(query).fetchone()[0])


@pytest.fixture(scope="session")
def links(serve, folder):
    """What a doctor and a resident receive to answer without an account."""
    made = Server(folder).scene("doctor_links")
    return {word: urlsplit(each).path for word, each in made.items()}


@pytest.fixture
def paths(folder, care_request, resident, links):
    """The pages of somebody, on real objects."""
    words = links | {
        "DEMANDE": care_request,
        "HABITANT": resident,
        "ATTEND": oldest(folder, "medecin_traitant_doctorrequest", "waits_since"),
        "PAGE": oldest(folder, "public_publicpage", "id"),
    }

    def written(path):
        for word, text in words.items():
            path = path.replace(word, text)
        return path if path.startswith("/") else HERE + path

    return lambda who: [written(path) for path in PAGES[who]]


@pytest.mark.parametrize("who", PAGES)
def test_pages_are_accessible_and_fit(browser, serve, enter, axe, paths, who):
    """Loaded once, drawn at each width: to load costs more than to look."""
    faults, hosts = [], set()
    page = browser.new_context(reduced_motion="reduce").new_page()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on(
        "console",
        lambda message: (
            faults.append(f"{page.url}: {message.text}")
            if message.type in {"error", "warning"}
            else None
        ),
    )
    if who != VISITOR:
        enter(page, who)
    for path in paths(who):
        for width, height, scheme in VIEWS:
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            if width == 1440:
                answer = page.goto(serve + path)
                if answer.status != 200:
                    faults.append(f"{path}: {answer.status}")
                    break
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                assert path.startswith(SITE) or "no-store" in answer.headers["cache-control"]
            line = f"{path} {width} {scheme}"
            faults += [f"{line}: {each}" for each in axe(page)]
            if page.evaluate(WIDER):
                faults.append(f"{line}: wider than the screen")
    assert hosts == {urlsplit(serve).netloc}
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("who", PAGES)
def test_pages_work_without_scripts(browser, serve, enter, paths, who):
    """Loaded on a narrow screen, then drawn on a wide one. axe itself is a script: not here."""
    faults = []
    page = browser.new_context(java_script_enabled=False).new_page()
    if who != VISITOR:
        enter(page, who)
    for path in paths(who):
        page.set_viewport_size({"width": 320, "height": 640})
        answer = page.goto(serve + path)
        if answer.status != 200:
            faults.append(f"{path}: {answer.status}")
            continue
        faults += [f"{path}: {each}" for each in page.evaluate(DEAD)]
        for width in (320, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate(WIDER):
                faults.append(f"{path} {width}: wider than the screen")
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


def test_the_glass_is_broken_then_reviewed(browser, serve, enter, axe, folder):
    """Asked with a motive, seen on a narrow screen, told without a name to whoever reviews."""
    phone = browser.new_context(viewport={"width": 320, "height": 640}).new_page()
    enter(phone, "Professionnel de santé.*Alix Coquelicot")
    phone.goto(f"{serve}{HERE}snp/bris-de-glace/")
    phone.get_by_role("button", name="Ouvrir l'identité").click()
    expect(phone.locator("main .alert.bad")).to_contain_text("champs à corriger")
    assert axe(phone) == []
    phone.get_by_label("N° de la demande").fill(first_request(folder, "number"))
    phone.locator("input[name=motive]").first.check()
    phone.get_by_label("Pourquoi, en une phrase").fill("Rappel impossible, essai fictif")
    phone.get_by_role("button", name="Ouvrir l'identité").click()
    expect(phone.get_by_role("heading", name="Patient")).to_be_visible()
    assert axe(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 320
    officer = browser.new_context(viewport={"width": 1100, "height": 800}).new_page()
    enter(officer, "Thémis")
    officer.goto(f"{serve}{HERE}snp/bris-de-glace/relecture/")
    row = officer.locator("tr", has_text="Rappel impossible, essai fictif")
    assert axe(officer) == []
    row.get_by_role("button", name=re.compile("^Justifié")).click()
    expect(row).to_contain_text("Thémis")
    assert axe(officer) == []


def changed_meanwhile(browser, enter, address, fill, *people):
    """Both open the form, on a narrow screen; the first saves, then the second: their pages."""
    pages = []
    for who in people:
        pages.append(browser.new_context(viewport={"width": 320, "height": 640}).new_page())
        enter(pages[-1], who)
        pages[-1].goto(address)
    for page, who in zip(pages, people, strict=True):
        fill(page, who)
        page.get_by_role("button", name=re.compile("^Enregistrer")).click()
        page.wait_for_load_state()
    return pages


def check_conflict(page, axe, *shown):
    """The page opens on the card; what both wrote is read whole, at every width."""
    card = page.get_by_role("group", name="Modification simultanée")
    expect(card).to_be_focused()
    expect(card).to_be_in_viewport()
    for words in shown:
        expect(card).to_contain_text(words)
    for width, scheme in ((320, "light"), (390, "dark"), (1100, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert axe(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_dispatchers_change_one_resident(browser, serve, enter, axe, resident):
    """The second is told what the first wrote; nothing typed is lost, on the page nor after."""
    address = f"{serve}{HERE}habitants/{resident}/modifier/"
    long = "une.adresse.de.{}.que.rien.ne.coupe.avant.la.fin@boite-aux-lettres-fictive.example"

    def fill(page, who):
        page.get_by_label("Adresse électronique").fill(long.format(who.split()[0].lower()))

    first, second = changed_meanwhile(
        browser, enter, address, fill, "Malo Standard", "Ondine Régulation"
    )
    expect(first).not_to_have_url(address)
    malo, ondine = long.format("malo"), long.format("ondine")
    check_conflict(second, axe, malo, ondine)
    expect(second.get_by_label("Adresse électronique")).to_have_value(ondine)
    first.reload()
    expect(first.locator("main")).to_contain_text(malo)
    second.get_by_role("button", name="Enregistrer").click()
    expect(second.locator("main")).to_contain_text(ondine)


def test_two_windows_change_one_note(browser, serve, enter, axe):
    """The card of a note is far down its page, in a narrow column: it is opened on it."""
    notes = [f"Le matin.\n\nVoir https://exemple.example/{word * 30}" for word in ("un", "deux")]
    who = "Nour Coordination"
    for path in ("annuaire/1/", "structures/1/"):
        left = iter(notes)
        first, second = changed_meanwhile(
            *(browser, enter, f"{serve}{HERE}{path}"),
            lambda page, _, left=left: page.get_by_label("Note de la CPTS").fill(next(left)),
            *(who, who),
        )
        expect(first.locator("#messages")).to_contain_text("La note est enregistrée")
        check_conflict(second, axe, *(note.split()[-1] for note in notes))
        expect(second.get_by_label("Note de la CPTS")).to_have_value(notes[1])


def test_whose_rights(browser, serve, enter, axe, resident):
    """Somebody found by name and birth, then everything held on them: on a narrow screen, without
    scripts."""
    page = browser.new_context(
        viewport={"width": 320, "height": 640}, java_script_enabled=False
    ).new_page()
    enter(page, "Thémis")
    page.goto(f"{serve}{HERE}droits/")
    page.get_by_role("button", name="Chercher", exact=True).click()
    expect(page.locator("main .alert.bad")).to_be_visible()  # nothing was asked
    page.goto(f"{serve}{HERE}droits/{resident}/")
    phone = page.locator("dt", has_text=re.compile("^téléphone$")).locator("+ dd").inner_text()
    page.goto(f"{serve}{HERE}droits/")
    page.get_by_label("Téléphone").fill(phone)
    page.get_by_role("button", name="Chercher", exact=True).click()
    page.locator(f"a[href$='/droits/{resident}/']").click()
    expect(page.get_by_role("heading", name="Qui a regardé")).to_be_visible()
    with page.expect_download() as told:
        page.get_by_role("link", name="Télécharger le fichier").click()
    assert phone in told.value.path().read_text()
