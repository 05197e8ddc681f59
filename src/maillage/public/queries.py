"""What a visitor reads: the open site of a CPTS, its published pages, the professionals it shows.

Everything here is read inside the scope of that CPTS, whoever asks.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch
from django.utils import timezone

import maillage
from maillage.directory.enums import Profession
from maillage.directory.models import Place, Professional, ProfessionalLanguage
from maillage.directory.queries import directory_of
from maillage.kernel import pulse
from maillage.kernel.identifiers import is_mobile
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant import queries as medecin_traitant
from maillage.medecin_traitant.models import DoctorOffer
from maillage.public.enums import BlockKind
from maillage.public.models import (
    PublicImage,
    PublicPage,
    PublicPageVersion,
    PublicRefusal,
    PublicSite,
)
from maillage.residents.queries import notice_of
from maillage.snp.models import DeskSettings
from maillage.snp.queries.desk import DeskNotSet, settings_of
from maillage.territory import queries as territory
from maillage.territory.models import Commune, Cpts

# Types of schema.org; the others have a medical business.
SCHEMAS = {
    Profession.DOCTOR: "Physician",
    Profession.DENTIST: "Dentist",
    Profession.PHARMACIST: "Pharmacy",
}


def cpts_at(slug: str) -> Cpts | None:
    """The CPTS of an address, while it is open."""
    return Cpts.objects.filter(slug=slug, closed_at=None).first()


def site_of(cpts: Cpts) -> PublicSite | None:
    """The site of the CPTS, open or not; None before anybody wrote a word of it."""
    return PublicSite.objects.select_related("cpts").filter(cpts=cpts).first()


def open_site(cpts: Cpts) -> PublicSite | None:
    """The site that visitors may read."""
    site = site_of(cpts)
    return site if site is not None and site.is_open else None


def _desk_of(cpts: Cpts, now: dt.datetime) -> DeskSettings | None:
    try:
        return settings_of(cpts, now)
    except DeskNotSet:
        return None


def mark_of(site: PublicSite, now: dt.datetime) -> str:
    """What changes with anything the site shows: two answers under one mark are the same, to the
    letter.

    Moved by every write on the site; by what moves the desks (directory, perimeter, travel times,
    settings, what doctors offer); by the day; by the settings and the text on data that come into
    force at their hour.
    """
    desk = _desk_of(site.cpts, now)
    directory = desk.directory if desk is not None else pulse.counters(site.cpts_id)[2]
    notice = notice_of(site.cpts, now)
    told = (
        *(maillage.__version__, site.pk, site.moved, directory, timezone.localdate(now)),
        *(desk.pk if desk is not None else 0, notice.pk if notice is not None else 0),
    )
    return hashlib.sha256("|".join(map(str, told)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class OutOfHours:
    """The number of the territory when practices are closed, and who said so."""

    number: str
    source: str


def out_of_hours(cpts: Cpts, now: dt.datetime) -> OutOfHours | None:
    """As the CPTS recorded it in its settings; None while it recorded none."""
    desk = _desk_of(cpts, now)
    if desk is None or not desk.out_of_hours_number:
        return None
    return OutOfHours(desk.out_of_hours_number, desk.out_of_hours_source)


# Pages


@dataclass(frozen=True, slots=True)
class Block:
    """A block ready to be drawn: `items` of a list, `picture` of an image."""

    kind: str
    text: str
    url: str = ""
    items: tuple[str, ...] = ()
    picture: PublicImage | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """What a version of a page says, ready to be drawn."""

    title: str
    summary: str
    blocks: tuple[Block, ...]


def published_pages(cpts: Cpts) -> list[PublicPage]:
    """Every page that visitors may read, with the version shown."""
    found = PublicPage.objects.filter(cpts=cpts, published__isnull=False)
    return list(found.select_related("published"))


def text_of(version: PublicPageVersion | None) -> Text | None:
    """What a version says. A picture taken out of the site since is left out."""
    if version is None:
        return None
    ids = {each["image"] for each in version.blocks if each["kind"] == BlockKind.IMAGE}
    pictures = pictures_of(version.cpts_id, ids) if ids else {}
    blocks = tuple(_block(each, pictures) for each in version.blocks)
    kept = tuple(each for each in blocks if each.kind != BlockKind.IMAGE or each.picture)
    return Text(version.title, version.summary, kept)


def _block(said: dict, pictures: dict[int, PublicImage]) -> Block:
    kind, text = said["kind"], said["text"]
    return Block(
        kind=kind,
        text=text,
        url=said["url"],
        items=tuple(text.splitlines()) if kind == BlockKind.LIST else (),
        picture=pictures.get(said["image"]) if kind == BlockKind.IMAGE else None,
    )


def pictures_of(cpts_id: int, ids: Iterable[int]) -> dict[int, PublicImage]:
    """Pictures of the site by id, without their bytes."""
    found = PublicImage.objects.filter(cpts=cpts_id, pk__in=ids).defer("content")
    return {each.pk: each for each in found}


def picture_named(cpts: Cpts, name: str) -> PublicImage | None:
    """The picture of a file name, with its bytes."""
    digest, _, kind = name.partition(".")
    found = PublicImage.objects.filter(cpts=cpts, digest__startswith=digest, kind=kind)
    return next((each for each in found if each.file_name == name), None)


# Writing


def last_version(page: PublicPage) -> PublicPageVersion | None:
    return PublicPageVersion.objects.filter(page=page).first()


@dataclass(frozen=True, slots=True)
class PageLine:
    """A page in the coordinator's list: its last version, and whether visitors read another."""

    page: PublicPage
    last: PublicPageVersion

    @property
    def has_draft(self) -> bool:
        return self.page.published_id != self.last.pk


def page_lines(actor: Actor) -> list[PageLine]:
    """Every page of the site with its last version."""
    pages = list(PublicPage.objects.visible_to(actor).select_related("published"))
    versions = PublicPageVersion.objects.filter(page__in=pages).order_by("number")
    last = {each.page_id: each for each in versions.defer("blocks")}
    return [PageLine(each, last[each.pk]) for each in pages]


def versions_of(page: PublicPage):
    """The history of a page, the last first, with who wrote it."""
    return PublicPageVersion.objects.filter(page=page).select_related("written_by__user")


def version_numbered(page: PublicPage, number: int) -> PublicPageVersion | None:
    return PublicPageVersion.objects.filter(page=page, number=number).first()


def images_of(cpts: Cpts):
    """Pictures of the site, the last first, without their bytes."""
    return PublicImage.objects.filter(cpts=cpts).defer("content")


# Professionals


def shown_professionals(cpts: Cpts, on: dt.date):
    """Those of the directory of the CPTS that day who did not refuse to be shown."""
    refused = PublicRefusal.objects.filter(cpts=cpts).in_force()
    return Professional.objects.in_cpts(cpts, on).exclude(pk__in=refused.values("professional"))


def refusals_by_professional(cpts: Cpts) -> dict[int, PublicRefusal]:
    found = PublicRefusal.objects.filter(cpts=cpts).in_force()
    return {each.professional_id: each for each in found}


def directory_lines(cpts: Cpts) -> list[tuple[Professional, PublicRefusal | None]]:
    """Everybody of the directory, with the refusal in force of each."""
    refused = refusals_by_professional(cpts)
    return [(each, refused.get(each.pk)) for each in directory_of(cpts)]


@dataclass(frozen=True, slots=True)
class Listed:
    """A professional as a visitor sees them: what is public on a nameplate, and how far it is."""

    name: str
    job: str
    schema: str  # what schema.org calls them
    places: tuple[Place, ...]
    phone: str
    languages: tuple[str, ...]
    does_home: bool
    does_remote: bool
    travel: str


def professions_shown(cpts: Cpts, on: dt.date) -> list[tuple[str, str]]:
    """Professions somebody shown has, to choose from."""
    found = set(shown_professionals(cpts, on).order_by().values_list("profession", flat=True))
    return [pair for pair in Profession.choices if pair[0] in found]


def communes_shown(cpts: Cpts, on: dt.date) -> list[Commune]:
    """Communes of the territory, to say where one lives."""
    return list(Commune.objects.in_cpts(cpts, on))


def nearest(
    cpts: Cpts, on: dt.date, *, profession: str = "", commune: str = "", minutes: int | None = None
) -> list[tuple[int, str]]:
    """Ids of the professionals asked for, each with its trip from `commune` ("" without one).

    The nearest first, else by name; within `minutes` by road when said, 0 being the commune itself.
    """
    found = shown_professionals(cpts, on)
    if profession:
        found = found.filter(profession=profession)
    ids = list(found.values_list("pk", flat=True))
    if not commune:
        return [(pk, "") for pk in ids]
    places = Place.objects.filter(closed_on=None, professional__in=found.values("pk"))
    where: dict[int, set[str]] = defaultdict(set)
    for pk, insee in places.values_list("professional_id", "commune_id"):
        where[pk].add(insee)
    trips = territory.travel_minutes(commune, {each for codes in where.values() for each in codes})
    best = {}
    for pk, codes in where.items():
        known = [trips[code] for code in codes if trips[code].minutes is not None]
        if known:
            best[pk] = min(known, key=lambda trip: trip.minutes)
    if minutes is not None:
        ids = [pk for pk in ids if pk in best and best[pk].minutes <= minutes]
    order = sorted(ids, key=lambda pk: best[pk].minutes if pk in best else float("inf"))
    return [(pk, best[pk].text if pk in best else "") for pk in order]


def listed(found: Iterable[tuple[int, str]]) -> list[Listed]:
    """What is shown of these professionals, in their order. Three queries."""
    travel = dict(found)
    places = Place.objects.filter(closed_on=None).select_related("commune")
    people = Professional.objects.filter(pk__in=travel).prefetch_related(
        Prefetch("places", queryset=places, to_attr="open_places"),
        Prefetch("languages", queryset=ProfessionalLanguage.objects.order_by("language")),
    )
    by_id = {each.pk: each for each in people}
    return [_listed(by_id[pk], trip) for pk, trip in travel.items() if pk in by_id]


def _listed(each: Professional, trip: str) -> Listed:
    phones = [place.phone for place in each.open_places]
    # The number of the record may be the mobile by which the CPTS reaches the person: not for patients.
    phones += [] if is_mobile(each.phone) else [each.phone]
    return Listed(
        name=str(each),
        job=each.job,
        schema=SCHEMAS.get(each.profession, "MedicalBusiness"),
        places=tuple(each.open_places),
        phone=next(filter(None, phones), ""),
        languages=tuple(spoken.get_language_display() for spoken in each.languages.all()),
        does_home=each.does_home,
        does_remote=each.does_remote,
        travel=trip,
    )


@dataclass(frozen=True, slots=True)
class TakingDoctor:
    """A doctor who takes new patients and chose to be shown: who, and what they said."""

    listed: Listed
    offer: DoctorOffer


def taking_doctors(cpts: Cpts, on: dt.date) -> list[TakingDoctor]:
    """Those who chose to be on the public list, and did not refuse to be shown at all."""
    offers = {each.professional_id: each for each in medecin_traitant.listed_offers(cpts, on)}
    shown = shown_professionals(cpts, on).filter(pk__in=offers).values_list("pk", flat=True)
    found = [pk for pk in offers if pk in set(shown)]
    return [
        TakingDoctor(one, offers[pk])
        for pk, one in zip(found, listed((pk, "") for pk in found), strict=True)
    ]
