"""Caches keep the public site, and never too long: each change is seen at the next visit."""

import datetime as dt

import pytest
from django.utils import timezone
from tests.public.conftest import paragraph

from factories import MONTCEAU, MT_VALUES, VALUES, set_mt
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory import actions as directory
from maillage.directory.enums import PlaceRow
from maillage.kernel.tenancy import inside
from maillage.medecin_traitant import actions as mt
from maillage.public import actions
from maillage.public.models import PublicRefusal
from maillage.public.views.site import forget_pages
from maillage.residents.actions import set_notice
from maillage.snp.actions import set_desk
from maillage.territory.actions import load_reference, set_perimeter
from maillage.territory.enums import CommuneRow, Reference
from people import actor_as, professional_row
from pictures import png

pytestmark = pytest.mark.django_db
PATHS = (
    *("", "professionnels/", "qui-sommes-nous/", "vos-droits/", "nous-rejoindre/"),
    "medecin-traitant/",
)
NUMBER = {"out_of_hours_number": "06 39 98 00 00", "out_of_hours_source": "arrêté fictif"}


def shown(site):
    """Of every page: its mark, and what it says."""
    forget_pages()
    answers = {path: site.visit(path) for path in PATHS}
    return {path: (each["ETag"], each.content) for path, each in answers.items()}


def test_an_unchanged_page_is_not_sent_again(site, people):
    for path in (*PATHS, "sitemap.xml"):
        etag = site.etag(path)
        again = site.visit(path, **{"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == etag and again["Cache-Control"] == "public, no-cache"
        assert site.visit(path, **{"If-None-Match": '"autre"'}).status_code == 200


def test_a_304_costs_a_few_short_queries(site, people, django_assert_num_queries):
    etag = site.etag("professionnels/")
    with django_assert_num_queries(4):  # the CPTS, its site, the counters, the text on data
        site.visit("professionnels/", **{"If-None-Match": etag})


def test_a_page_drawn_once_is_sent_again_as_it_was(site, people, django_assert_num_queries):
    first = site.visit("professionnels/")
    with django_assert_num_queries(4):
        again = site.visit("professionnels/")
    assert again.content == first.content and again["ETag"] == first["ETag"]
    asked = site.visit("professionnels/?profession=60")
    assert asked.content != first.content


# Every act that a page of the site tells of: what comes before `yield` is there already.


def words_of_the_site(site, people):
    yield
    actions.set_site(by=site.by, cpts=site.cpts, version=2, phone="0353019911")


def page_published(site, people):
    yield
    site.page("urgent", "Se soigner ici", paragraph("Un conseil."))


def rewritten(site):
    page = site.page("join", "Rejoindre", paragraph("Avant."))
    words = {"title": "Rejoindre", "summary": "", "blocks": [paragraph("Après.")]}
    actions.write_page(by=site.by, page=page, number=1, **words)
    return page


def next_version_published(site, people):
    page = rewritten(site)
    yield
    actions.publish_page(by=site.by, page=page, number=2)


def older_version_published(site, people):
    page = rewritten(site)
    actions.publish_page(by=site.by, page=page, number=2)
    yield
    actions.publish_page(by=site.by, page=page, number=1)


def page_withdrawn(site, people):
    page = site.page("rights", "Vos droits", paragraph("Un mot."))
    yield
    actions.withdraw_page(by=site.by, page=page)


def picture_removed(site, people):
    image = actions.add_image(by=site.by, cpts=site.cpts, content=png(), name="Une photo")
    site.page("who", "Nous", {"kind": "image", "text": "Des gens", "image": image.pk})
    yield
    actions.remove_image(by=site.by, image=image)


def professional_refuses(site, people):
    yield
    actions.refuse_listing(by=site.by, cpts=site.cpts, professional=people["near"])


def refusal_withdrawn(site, people):
    actions.refuse_listing(by=site.by, cpts=site.cpts, professional=people["near"])
    yield
    actions.withdraw_refusal(by=site.by, refusal=PublicRefusal.objects.get())


def professional_joins(site, people):
    new = directory.record_professional(by=SYSTEM, row=professional_row(family_name="Nouveau"))
    yield
    directory.add_to_cpts(by=site.by, cpts=site.cpts, professional=new)


def professional_leaves(site, people):
    yield
    directory.remove_from_cpts(by=site.by, cpts=site.cpts, professional=people["far"])


def national_record_changes(site, people):
    yield
    places = (PlaceRow(insee=MONTCEAU, address="9 rue Neuve"),)
    row = professional_row(rpps=people["near"].rpps, family_name="Renomme", places=places)
    directory.record_professional(by=SYSTEM, row=row)


def perimeter_changes(site, people):
    yield
    on = timezone.localdate()
    set_perimeter(by=SYSTEM, cpts=site.cpts, communes=[MONTCEAU], from_on=on)


def commune_renamed(site, people):
    row = CommuneRow(
        insee=MONTCEAU,
        name="Montceau-Neuve",
        departement="71",
        departement_name="Saône-et-Loire",
        region="27",
        region_name="Bourgogne",
        epci="",
        postal_codes="71300",
        longitude=4.363,
        latitude=46.667,
        surface_km2=16.6,
        populations=(),
        source="essai",
    )
    yield
    load_reference(by=SYSTEM, reference=Reference(communes=(row,)))


def text_on_data_changes(site, people):
    by = actor_as(site.cpts, Role.ADMINISTRATOR)
    yield
    set_notice(by=by, cpts=site.cpts, text="Un autre texte.", valid_from=None)


def number_recorded(site, people):
    yield
    set_desk(by=SYSTEM, cpts=site.cpts, source="essai", hours=[], values=VALUES | NUMBER)


def offered(site, people, **said):
    until_on = timezone.localdate() + dt.timedelta(days=60)
    given = {"per_month": 2, "until_on": until_on, "is_public": True} | said
    offer = mt.Offer(**given)
    return mt.record_offer(by=site.by, cpts=site.cpts, professional=people["near"], offer=offer)


def doctor_takes_patients(site, people):
    set_mt(site.cpts)
    yield
    offered(site, people)


def doctor_says_otherwise(site, people):
    set_mt(site.cpts)
    offered(site, people)
    yield
    offered(site, people, age_from=16)


def doctor_leaves_the_public_list(site, people):
    set_mt(site.cpts)
    offered(site, people)
    yield
    offered(site, people, is_public=False)


def doctor_withdraws_the_offer(site, people):
    set_mt(site.cpts)
    offer = offered(site, people)
    yield
    mt.withdraw_offer(by=site.by, offer=offer)


def residents_may_ask(site, people):
    yield
    values = MT_VALUES | dict.fromkeys(("asks_ald", "asks_c2s"), False)
    mt.set_settings(by=site.by, cpts=site.cpts, values=values, source="essai")


ACTS = [
    *(doctor_takes_patients, doctor_says_otherwise, doctor_leaves_the_public_list),
    *(doctor_withdraws_the_offer, residents_may_ask),
    *(words_of_the_site, page_published, next_version_published, older_version_published),
    *(page_withdrawn, picture_removed, professional_refuses, refusal_withdrawn),
    *(professional_joins, professional_leaves, national_record_changes, perimeter_changes),
    *(commune_renamed, text_on_data_changes, number_recorded),
]


def stale(site, people, act):
    """Pages that `act` changed under the same mark; it must have changed one at least."""
    with inside(site.cpts):
        steps = act(site, people)
        next(steps)
    before = shown(site)
    with inside(site.cpts), pytest.raises(StopIteration):
        next(steps)
    after = shown(site)
    changed = [path for path in PATHS if before[path][1] != after[path][1]]
    assert changed, "the act changed nothing: the check would be empty"
    return [path for path in changed if before[path][0] == after[path][0]]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_what_changes_is_seen_at_once(site, people, act):
    assert stale(site, people, act) == []


def test_what_comes_into_force_at_its_hour_is_seen_then(site, people, monkeypatch):
    """Nobody writes anything at that moment: the mark moves by itself."""
    then = timezone.now() + dt.timedelta(hours=2)
    with inside(site.cpts):
        values = VALUES | NUMBER
        set_desk(
            by=SYSTEM, cpts=site.cpts, source="essai", hours=[], values=values, valid_from=then
        )
    before = shown(site)
    assert b"06 39 98 00 00" not in before[""][1]
    monkeypatch.setattr(timezone, "now", lambda: then + dt.timedelta(minutes=1))
    answer = site.visit("", **{"If-None-Match": before[""][0]})
    assert answer.status_code == 200 and b"06 39 98 00 00" in answer.content


def test_a_perimeter_that_changes_at_midnight_is_seen_then(site, people, monkeypatch):
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    with inside(site.cpts):
        set_perimeter(by=SYSTEM, cpts=site.cpts, communes=[MONTCEAU], from_on=tomorrow)
    before = shown(site)
    monkeypatch.setattr(timezone, "now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    after = shown(site)
    path = "qui-sommes-nous/"
    assert before[path][1] != after[path][1] and before[path][0] != after[path][0]


def test_an_offer_that_ends_at_midnight_is_gone_then(site, people, monkeypatch):
    with inside(site.cpts):
        set_mt(site.cpts)
        offered(site, people, until_on=timezone.localdate())
    before = shown(site)["medecin-traitant/"]
    assert b"Proche" in before[1]
    monkeypatch.setattr(timezone, "now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    after = shown(site)["medecin-traitant/"]
    assert b"Proche" not in after[1] and before[0] != after[0]


def test_a_change_that_moves_nothing_is_seen(site, people, monkeypatch):
    """Seeded: verbs that forget the counter, in the site and in the directory."""
    monkeypatch.setattr(actions, "_move", lambda site: None)
    assert "" in stale(site, people, page_published)
    monkeypatch.setattr("maillage.kernel.pulse.bump", lambda *ids, **how: None)
    assert "professionnels/" in stale(site, people, professional_leaves)
    assert "medecin-traitant/" in stale(site, people, doctor_takes_patients)


def test_the_neighbours_changes_leave_ours_alone(site, neighbour, people):
    before = shown(site)
    with inside(neighbour.cpts):
        actions.set_site(by=neighbour.by, cpts=neighbour.cpts, version=2, phone="0353019911")
    neighbour.professional("Voisin")
    assert shown(site) == before
