"""The first page of each role, the choice of a role, the journal read by its officer."""

import csv
import datetime as dt
import html
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_case, make_desk, make_request, professional_actor
from maillage.accounts.enums import Role
from maillage.kernel import journal
from maillage.kernel.models import JournalLine
from people import actor_as, make_seat, make_user, sign_in

NAMED = {"family_name": "Passiflore", "given_name": "Léo", "note": "secret"}


@pytest.fixture
def cpts(db, monkeypatch):
    """A desk on a Monday morning at nine."""
    monkeypatch.setattr(timezone, "now", lambda: MONDAY.astimezone(dt.UTC))
    with scopes_disabled():
        return make_desk()


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


def read(response):
    page = html.unescape(response.content.decode()).replace("\u00a0", " ")
    main = re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")])
    return " ".join(main.split())


def home_of(cpts):
    return reverse("home:cpts", kwargs={"cpts": cpts.slug})


ELSEWHERE = {Role.DISPATCHER, Role.PROFESSIONAL}


@pytest.mark.parametrize("role", [role for role in Role if role not in ELSEWHERE])
def test_the_home_of_a_role_leads_to_its_own_pages(client, cpts, role):
    sign_in(client, cpts, role)
    page = client.get(home_of(cpts))
    assert page.status_code == 200
    links = set(re.findall(rf'href="(/c/{cpts.slug}/[^"#?]+)"', page.content.decode()))
    assert {client.get(link).status_code for link in links} == {200}
    tiles = re.findall(r'class="card tile".*?<b>(.*?)</b><span>(.*?)</span>', page.content.decode())
    assert [name for name, about in tiles if not about] == []


def test_the_dispatcher_goes_straight_to_the_board(client, cpts):
    sign_in(client, cpts, Role.DISPATCHER)
    assert client.get(home_of(cpts)).url == reverse("snp:board", kwargs={"cpts": cpts.slug})


def test_only_the_coordinator_reads_counts_at_home(client, cpts, desk):
    with scope(cpts=cpts):
        make_request(desk)
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Reçues 1" in read(client.get(home_of(cpts)))
    sign_in(client, cpts, Role.TREASURER)
    assert "Reçues" not in read(client.get(home_of(cpts)))


def test_somebody_with_two_cpts_chooses_once(client, cpts):
    with scopes_disabled():
        other = make_desk("voisine")
    user = make_user()
    make_seat(cpts, Role.READER, user)
    there = make_seat(other, Role.TREASURER, user)
    client.force_login(user)
    choice = client.get(reverse("home:start"), follow=True)
    assert "Choisir un rôle" in read(choice)
    assert there.cpts.name in read(choice)
    landed = client.post(reverse("accounts:choose_seat"), {"seat": there.pk}, follow=True)
    assert landed.redirect_chain[-1][0] == home_of(other)
    brand = re.search(r'class="brand" href="([^"]+)"', landed.content.decode()).group(1)
    assert brand == home_of(other)  # the way home does not ask again


def test_somebody_without_a_role_is_told_what_to_wait_for(client, db):
    client.force_login(make_user())
    assert "Aucun rôle actif" in read(client.get(reverse("home:start"), follow=True))


def test_a_professional_answers_from_home_and_reads_who_comes(client, cpts, desk):
    with scope(cpts=cpts):
        case = make_case(desk, "proposed", agreement_from="patient", **NAMED)
        actor = professional_actor(cpts, case.doctor)
    client.force_login(actor.seat.user)
    waiting = client.get(home_of(cpts))
    assert "Une demande vous attend" in read(waiting)
    assert "Passiflore" not in read(waiting)
    answer = reverse("snp:answer", kwargs={"cpts": cpts.slug, "pk": case.proposal.pk})
    client.post(answer, {"answer": "accept"})
    with CaptureQueriesContext(connection) as seen:
        coming = read(client.get(home_of(cpts)))
    assert "Léo Passiflore" in coming
    assert "Patients attendus" in coming
    assert len(seen) <= 22
    with scope(cpts=cpts):
        case.care_request.refresh_from_db()
    line = JournalLine.objects.get(kind="read", action="home.my_day")
    assert line.residents == [case.care_request.resident_id]


def test_without_the_agreement_the_patient_stays_unnamed_at_home(client, cpts, desk):
    with scope(cpts=cpts):
        case = make_case(desk, "accepted", **NAMED)
        client.force_login(professional_actor(cpts, case.doctor).seat.user)
    page = read(client.get(home_of(cpts)))
    assert "Passiflore" not in page
    assert "L'identité s'ouvre quand le patient a donné son accord" in page


def test_the_journal_shows_ids_never_a_resident_by_name(client, cpts, desk):
    with scope(cpts=cpts):
        make_case(desk, "informed", agreement_from="patient", **NAMED)
    sign_in(client, cpts, Role.DATA_PROTECTION_OFFICER)
    url = reverse("home:journal", kwargs={"cpts": cpts.slug})
    with CaptureQueriesContext(connection) as seen:
        page = read(client.get(url))
    assert "snp.accepted" in page
    assert "Passiflore" not in page
    assert "secret" not in page
    assert len(seen) <= 9
    only_reads = client.get(url, {"nature": "read"}).content.decode()
    assert '<code class="muted">snp.accepted' not in only_reads


def acts_of(response):
    return re.findall(r'<code class="muted">([a-z_]+\.[a-z_]+)</code>', response.content.decode())


def test_the_journal_says_each_act_and_the_number_of_the_request(client, cpts, desk):
    with scope(cpts=cpts):
        first = make_case(desk, "cancelled").care_request
        second = make_case(desk, "proposed").care_request
    sign_in(client, cpts, Role.DATA_PROTECTION_OFFICER)
    page = read(client.get(reverse("home:journal", kwargs={"cpts": cpts.slug})))
    assert f"Demande annulée snp.cancelled demande n° {first.number}" in page
    assert f"Proposition envoyée snp.proposed demande n° {second.number}" in page


def test_the_journal_is_read_for_one_act_and_for_one_resident(client, cpts, desk):
    with scope(cpts=cpts):
        ours = make_case(desk, "informed", agreement_from="patient", **NAMED).care_request
        other = make_case(desk, family_name="Coquelicot", given_name="Ida").care_request
        # Somebody else's lines whose ids hold the digits of ours.
        for shown in ([ours.resident_id], [int(f"{ours.resident_id}{ours.resident_id}")]):
            page = "snp.story" if shown == [ours.resident_id] else "snp.new"
            journal.record_read(page, by=desk, cpts=cpts, residents=shown, purpose="essai")
    sign_in(client, cpts, Role.DATA_PROTECTION_OFFICER)
    url = reverse("home:journal", kwargs={"cpts": cpts.slug})
    assert set(acts_of(client.get(url, {"acte": "snp.informed"}))) == {"snp.informed"}
    about = client.get(url, {"habitant": ours.resident_id})
    assert {"snp.created", "snp.informed", "snp.story", "resident.recorded"} <= set(acts_of(about))
    assert "snp.new" not in acts_of(about)
    assert f"demande n° {other.number} " not in read(about)
    both = client.get(url, {"habitant": ours.resident_id, "acte": "snp.story"})
    assert acts_of(both) == ["snp.story"]
    file = client.get(f"{url}fichier/", {"habitant": ours.resident_id, "nature": "read"})
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:4] == ["numéro", "moment", "nature", "qui"] and len(rows) == 2
    assert rows[1][2:6] == [
        *("consultation", "Ada Exemple (Opérateur SNP)", "Fil d'une demande", "essai")
    ]
    assert rows[1][-1] == str(ours.resident_id) and NAMED["family_name"] not in file.text
    assert client.get(f"{url}fichier/", {"habitant": "douze"}).status_code == 404
    wrong = client.get(url, {"habitant": "douze"})
    assert "Un numéro ne contient que des chiffres." in read(wrong)


def test_somebody_without_a_given_name_is_greeted_by_what_is_known(client, cpts):
    for about, name in (
        ({"given_name": ""}, "Exemple"),
        ({"given_name": "", "family_name": "", "email": "seule@exemple.example"}, "seule@exemple"),
    ):
        seat = make_seat(cpts, Role.READER, make_user(**about))
        client.force_login(seat.user)
        assert f"Bonjour {name}" in read(client.get(home_of(cpts)))


def test_a_secretary_without_a_delegation_is_led_to_where_one_is_given(client, cpts):
    sign_in(client, cpts, Role.SECRETARY)
    there = reverse("directory:delegations", kwargs={"cpts": cpts.slug})
    assert f'href="{there}"' in client.get(home_of(cpts)).content.decode()
    week = reverse("availability:week", kwargs={"cpts": cpts.slug})
    assert f'href="{there}"' in client.get(week).content.decode()
