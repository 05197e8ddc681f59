"""A CPTS whose site is open, the one next door, and who writes and reads them."""

import pytest
from django.test import Client
from django.utils import timezone
from django_scopes import scope

from factories import BLANZY, MACON, MONTCEAU, make_desk
from maillage.accounts.enums import Role
from maillage.directory.enums import PlaceRow
from maillage.kernel.tenancy import inside
from maillage.public import actions
from people import actor_as, make_professional

OPEN = {
    "is_open": True,
    "lists_professionals": True,
    "summary": "Les soignants du bassin, ensemble.",
    "address": "1 place de l'Exemple",
    "rights_email": "droits@vallee.example",
}


def paragraph(text):
    return {"kind": "paragraph", "text": text}


class Site:
    """What a test needs of one CPTS: its coordinator, its public pages."""

    def __init__(self, slug):
        self.cpts = make_desk(slug)
        self.by = actor_as(self.cpts, Role.COORDINATOR)
        with scope(cpts=self.cpts):
            actions.set_site(by=self.by, cpts=self.cpts, version=1, **OPEN)

    def visit(self, path="", client=None, **headers):
        return (client or Client()).get(f"/p/{self.cpts.slug}/{path}", headers=headers)

    def html(self, path=""):
        answer = self.visit(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.content.decode()

    def page(self, kind="free", title="Nos actions", *blocks, is_published=True):
        with inside(self.cpts):
            page = actions.create_page(
                by=self.by, cpts=self.cpts, kind=kind, title=title, blocks=blocks
            )
            if is_published:
                actions.publish_page(by=self.by, page=page, number=1)
            page.refresh_from_db()
        return page

    def professional(self, family_name, insee=MONTCEAU, **about):
        places = (PlaceRow(insee=insee, address=f"1 rue {family_name}", phone="0353019900"),)
        return make_professional(self.cpts, family_name=family_name, places=places, **about)

    def etag(self, path=""):
        return self.visit(path)["ETag"]


@pytest.fixture
def site(db):
    return Site("vallee")


@pytest.fixture
def neighbour(db):
    return Site("voisine")


@pytest.fixture
def people(site):
    return {
        "near": site.professional("Proche"),
        "far": site.professional("Lointain", MACON),
        "nurse": site.professional("Infirmiere", BLANZY, profession="60", speciality=""),
    }


@pytest.fixture
def today():
    return timezone.localdate()
