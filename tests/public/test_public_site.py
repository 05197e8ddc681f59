"""What a stranger reads on the public site of a CPTS, and what they never read."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from tests.public.conftest import paragraph

from factories import BLANZY, GENELARD, MONTCEAU
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory import actions as directory
from maillage.directory.models import CptsProfessional, Professional
from maillage.kernel.tenancy import inside
from maillage.public import actions
from maillage.public.models import PublicRefusal
from maillage.public.views.site import forget_pages
from maillage.residents.actions import record_resident, set_notice
from maillage.snp.models import DeskSettings
from maillage.territory.actions import close_cpts
from people import actor_as, link, make_cpts, sign_in
from pictures import png

pytestmark = pytest.mark.django_db
PAGES = ("", "professionnels/", "qui-sommes-nous/", "vos-droits/", "nous-rejoindre/")
STATIC = Path(settings.PACKAGE)
FIRST_PAGE_MAX = 60_000


def test_the_first_page_says_what_to_do_doctor_first_then_the_15(site):
    html = site.html()
    assert html.index("Votre médecin traitant d'abord") < html.index("Il n'est pas là")
    assert html.count('href="tel:15"') == 2
    assert "le numéro du territoire" not in html


def test_the_number_of_the_territory_comes_with_its_source_or_not_at_all(site):
    DeskSettings._base_manager.filter(cpts=site.cpts).update(
        out_of_hours_number="06 39 98 00 00", out_of_hours_source="arrêté fictif du 1er mars"
    )
    site.professional("Nouveau")  # the settings are read again
    html = site.html()
    assert "06 39 98 00 00" in html and "Source : arrêté fictif du 1er mars" in html.replace(
        "\xa0", " "
    )


def test_every_page_opens_without_an_account_a_cookie_or_a_script(site, people):
    site.page("legal", "Mentions légales", paragraph("Éditeur : la CPTS."))
    client = Client()
    for path in (*PAGES, "pages/mentions-legales/", "sitemap.xml"):
        answer = site.visit(path, client)
        assert answer.status_code == 200, path
        assert not client.cookies and "Set-Cookie" not in answer.headers
        assert "<script" not in answer.content.decode()
        assert answer["Cache-Control"] == "public, no-cache" and answer["ETag"]


def test_every_page_has_a_title_of_its_own_a_language_and_one_heading(site, people):
    site.page("free", "Nos actions", paragraph("Une soirée."))
    titles = []
    for path in (*PAGES, "pages/nos-actions/"):
        html = site.html(path)
        titles += re.findall(r"<title>([^<]+)</title>", html)
        assert '<html lang="fr">' in html and html.count("<h1") == 1, path
        assert 'name="description"' in html and 'rel="canonical"' in html
        assert 'itemtype="https://schema.org/MedicalOrganization"' in html
    assert len(set(titles)) == len(titles) == len(PAGES) + 1


class Loaded(HTMLParser):
    """What a browser fetches with a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "link" and given.get("rel") in {"stylesheet", "icon"}:
            self.found.append(given["href"])
        if tag in {"img", "script", "iframe", "source"}:
            self.found.append(given.get("src", ""))


def weight(html):
    """Bytes of a page and of all it loads, nothing compressed."""
    reader = Loaded()
    reader.feed(html)
    files = [re.sub("^/static/", "", each) for each in reader.found]
    paths = [next(STATIC.glob(f"*/static/{each}")) for each in files]
    fonts = [
        next(STATIC.glob(f"*/static/maillage/{each}"))
        for path in paths
        if path.suffix == ".css"
        for each in re.findall(r'url\("\.\./maillage/([^"]+)"\)', path.read_text())
    ]
    return len(html.encode()) + sum(path.stat().st_size for path in {*paths, *fonts})


def test_the_first_page_weighs_less_than_60_kb_with_all_it_loads(site, people):
    site.page("urgent", "Se soigner ici", *(paragraph("Un conseil. " * 40) for _ in range(6)))
    html = site.html()
    assert weight(html) < FIRST_PAGE_MAX
    heavier = html.replace("</head>", '<link rel="stylesheet" href="/static/maillage/cpts.css">')
    assert weight(heavier) > FIRST_PAGE_MAX  # the measure sees what is loaded


def test_nothing_is_asked_of_another_host(site, people):
    """Addresses a browser fetches by itself: all of this site. Links a visitor follows are theirs."""
    for path in PAGES:
        html = site.html(path)
        reader = Loaded()
        reader.feed(html)
        assert reader.found and all(each.startswith("/static/") for each in reader.found), path
        assert not re.search(r'(?:src|action|srcset)="(?:https?:)?//', html), path
        policy = site.visit(path)["Content-Security-Policy"]
        assert "http" not in policy and "*" not in policy, policy
    sheet = (STATIC / "public/static/public/site.css").read_text()
    assert "//" not in sheet.replace("/*", "").replace("*/", "") and "@import" not in sheet


# Structured data: attributes of what is read (microdata), so the page needs no script

WORDS = {
    "MedicalOrganization": {"name", "url", "description", "address", "telephone", "email"},
    **dict.fromkeys(
        ("Physician", "Dentist", "Pharmacy", "MedicalBusiness"),
        {"name", "address", "telephone", "isAcceptingNewPatients"},
    ),
    "PostalAddress": {"streetAddress", "addressLocality"},
}
EMPTY = {"meta", "link", "br", "img", "input", "hr"}


class Microdata(HTMLParser):
    """The items of a page: (type, names of what is said of it)."""

    def __init__(self):
        super().__init__()
        self.open, self.items = [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        inside = next((each for each in reversed(self.open) if each is not None), None)
        if "itemprop" in given:
            inside[1].add(given["itemprop"])
        item = None
        if "itemscope" in given:
            item = (given["itemtype"].removeprefix("https://schema.org/"), set())
            self.items.append(item)
        if tag not in EMPTY:
            self.open.append(item)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            self.open.pop()


def items_of(html):
    reader = Microdata()
    reader.feed(html[html.index("<body>") : html.index("</body>")])
    return reader.items


def test_search_engines_read_who_it_is(site, people):
    for path in PAGES:
        for kind, said in items_of(site.html(path)):
            assert kind in WORDS and said <= WORDS[kind], (path, kind, said)
            assert kind == "PostalAddress" or "name" in said, (path, kind)
        assert any(kind == "MedicalOrganization" for kind, _ in items_of(site.html(path)))
    found = [kind for kind, _ in items_of(site.html("professionnels/"))]
    assert found.count("Physician") == 2 and found.count("MedicalBusiness") == 1
    assert found.count("PostalAddress") == 3


# Professionals


def names(html):
    return re.findall(r'itemprop="name">(?:Dr )?Prénom (\w+)<', html)


def test_professionals_are_found_by_profession_commune_and_distance(site, people):
    assert names(site.html("professionnels/")) == ["Infirmiere", "Lointain", "Proche"]
    assert names(site.html("professionnels/?profession=60")) == ["Infirmiere"]
    by_distance = site.html(f"professionnels/?commune={MONTCEAU}")
    assert names(by_distance) == ["Proche", "Infirmiere", "Lointain"]
    assert "même commune" in by_distance and "env.\xa0" in by_distance
    assert names(site.html(f"professionnels/?commune={MONTCEAU}&minutes=0")) == ["Proche"]
    assert names(site.html(f"professionnels/?commune={MONTCEAU}&minutes=30")) == [
        *("Proche", "Infirmiere")
    ]
    assert "Personne ne correspond" in site.html(f"professionnels/?commune={GENELARD}&minutes=0")


@pytest.mark.parametrize(
    "asked", ["profession=99", "commune=75056", "minutes=-1", "page=zz", "minutes=30"]
)
def test_a_wrong_question_shows_the_whole_list(site, people, asked):
    assert len(names(site.html(f"professionnels/?{asked}"))) == 3


def test_nobody_is_listed_who_refused_left_or_belongs_to_another_cpts(site, neighbour, people):
    neighbour.professional("Voisin")
    with inside(site.cpts):
        actions.refuse_listing(by=site.by, cpts=site.cpts, professional=people["near"])
        directory.remove_from_cpts(by=site.by, cpts=site.cpts, professional=people["far"])
    for query in ("", f"?commune={MONTCEAU}", "?profession=10"):
        assert set(names(site.html(f"professionnels/{query}"))) <= {"Infirmiere"}
    assert names(neighbour.html("professionnels/")) == ["Voisin"]


def test_a_refusal_forgotten_is_seen(site, people, monkeypatch):
    """Seeded: the list that does not look at refusals."""
    with inside(site.cpts):
        actions.refuse_listing(by=site.by, cpts=site.cpts, professional=people["near"])
    assert "Proche" not in names(site.html("professionnels/"))
    forget_pages()
    monkeypatch.setattr(
        "maillage.public.queries.shown_professionals",
        lambda cpts, on: Professional.objects.in_cpts(cpts, on),
    )
    assert "Proche" in names(site.html("professionnels/"))


def test_what_only_the_cpts_knows_is_never_shown(site, people):
    with inside(site.cpts):
        record_resident(
            by=SYSTEM,
            cpts=site.cpts,
            family_name="Zhabitant",
            given_name="Zada",
            phone="0639981299",
        )
        CptsProfessional.objects.filter(professional=people["near"]).update(note="Znote")
    Professional.objects.filter(pk=people["near"].pk).update(
        email="zmail@cabinet.example", phone="0639989911"
    )
    people["near"].places.update(phone="")
    site.page("free", "Brouillon", paragraph("Zbrouillon"), is_published=False)
    for path in (*PAGES, "sitemap.xml", f"professionnels/?commune={BLANZY}"):
        html = site.html(path)
        assert not re.search(r"Zhabitant|Zada|Znote|zmail|Zbrouillon|brouillon", html), path
        assert "06\xa039\xa098\xa099\xa011" not in html and "0639989911" not in html
        assert people["near"].rpps not in html
        assert site.by.seat.user.email not in html
    assert site.visit("pages/brouillon/").status_code == 404


def test_the_site_reads_the_same_to_whoever_is_signed_in(site, neighbour, people, client):
    mine = {path: site.html(path) for path in PAGES}
    for cpts, role in ((site.cpts, Role.DISPATCHER), (neighbour.cpts, Role.COORDINATOR)):
        sign_in(client, cpts, role)
        for path in PAGES:
            answer = site.visit(path, client)
            assert answer.status_code == 200 and answer.content.decode() == mine[path]


def test_pages_of_another_cpts_are_not_ours(site, neighbour):
    page = site.page("free", "Nos actions", paragraph("Zvallee"))
    assert "Zvallee" in site.html(f"pages/{page.slug}/")
    assert neighbour.visit(f"pages/{page.slug}/").status_code == 404
    assert "Zvallee" not in neighbour.html() and "Nos actions" not in neighbour.html()


def test_a_site_that_is_not_open_is_nowhere(site):
    unknown = Client().get("/p/nulle-part/")
    cpts = make_cpts("sans-site")
    assert Client().get(f"/p/{cpts.slug}/").status_code == unknown.status_code == 404
    with inside(site.cpts):
        actions.set_site(by=site.by, cpts=site.cpts, version=2, is_open=False)
    for path in (*PAGES, "sitemap.xml"):
        assert site.visit(path).status_code == 404
    with inside(site.cpts):
        actions.set_site(by=site.by, cpts=site.cpts, version=3, is_open=True)
        close_cpts(by=SYSTEM, cpts=site.cpts)
    assert site.visit().status_code == 404


def test_the_list_is_shown_only_where_the_cpts_decided_so(site, people):
    with inside(site.cpts):
        actions.set_site(by=site.by, cpts=site.cpts, version=2, lists_professionals=False)
    assert site.visit("professionnels/").status_code == 404
    assert "Trouver un professionnel" not in site.html()
    assert "professionnels/" not in site.html("sitemap.xml")


def test_who_we_are_draws_the_communes_and_tells_the_population(site):
    html = site.html("qui-sommes-nous/")
    assert '<svg class="map"' in html and "Montceau-les-Mines" in html and "Blanzy" in html
    assert "source" in html


def test_rights_say_where_to_write_and_what_is_read_to_people(site):
    administrator = actor_as(site.cpts, Role.ADMINISTRATOR)
    with inside(site.cpts):
        set_notice(
            by=administrator, cpts=site.cpts, text="Texte fictif lu aux habitants.", valid_from=None
        )
    html = site.html("vos-droits/")
    assert "droits@vallee.example" in html and "1 place de l'Exemple" in html.replace("&#39;", "'")
    assert "Texte fictif lu aux habitants." in html


def test_robots_read_the_public_sites_and_nothing_else(client):
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert lines == ["User-agent: *", "Allow: /p/", "Allow: /static/", "Disallow: /"]


def test_the_sitemap_tells_each_page_and_each_opens(site, people):
    site.page("legal", "Accessibilité", paragraph("Non conforme."))
    found = re.findall(r"<loc>([^<]+)</loc>", site.html("sitemap.xml"))
    assert len(found) == 7
    for each in found:
        assert Client().get(each.removeprefix(settings.SITE_URL)).status_code == 200


@pytest.mark.parametrize(
    ("path", "queries"), [("", 7), ("professionnels/", 14), ("qui-sommes-nous/", 11)]
)
def test_queries_are_counted(site, people, path, queries, django_assert_max_num_queries):
    for n in range(12):
        site.professional(f"Encore{n}")
    site.html(path)
    forget_pages()
    with django_assert_max_num_queries(queries):
        site.html(path)


def test_a_picture_is_served_apart_as_what_it_is(site):
    with inside(site.cpts):
        image = actions.add_image(by=site.by, cpts=site.cpts, content=png(), name="Une photo")
    site.page(
        "who", "Qui sommes-nous", {"kind": "image", "text": "Deux soignantes", "image": image.pk}
    )
    html = site.html("qui-sommes-nous/")
    address = re.search(r'<img src="([^"]+)" alt="Deux soignantes" width="2" height="3"', html)[1]
    answer = Client().get(address)
    assert answer.content == bytes(image.content)
    assert answer["Content-Type"] == "image/png" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert Client().get(address.replace(".png", ".html")).status_code == 404
    with inside(site.cpts):
        actions.remove_image(by=site.by, image=image)
    assert Client().get(address).status_code == 404
    assert "<img" not in site.html("qui-sommes-nous/")


def test_a_professional_takes_themselves_off_and_nobody_else_brings_them_back(site, people, client):
    actor = sign_in(client, site.cpts, Role.PROFESSIONAL)
    link(actor.seat.user, people["near"])
    own = f"/c/{site.cpts.slug}/site/ma-fiche/"
    assert "Ne pas être montré" in client.get(own).content.decode()
    answer = client.post(f"/c/{site.cpts.slug}/site/annuaire/{people['near'].pk}/refuser/")
    assert answer.url == own
    assert "Proche" not in names(site.html("professionnels/"))
    refusal = PublicRefusal._base_manager.get()
    assert refusal.is_own
    editor = Client()
    editor.force_login(site.by.seat.user)
    back = f"/c/{site.cpts.slug}/site/refus/{refusal.pk}/lever/"
    assert editor.post(back).status_code == 403
    other = client.post(f"/c/{site.cpts.slug}/site/annuaire/{people['far'].pk}/refuser/")
    assert other.status_code == 403
    assert client.post(back).url == own
    assert "Proche" in names(site.html("professionnels/"))


def test_a_stranger_without_record_has_nothing_to_decide(site, client):
    sign_in(client, site.cpts, Role.PROFESSIONAL)
    assert "Aucune fiche" in client.get(f"/c/{site.cpts.slug}/site/ma-fiche/").content.decode()
