"""The verbs of the public site: its words, its pages and their versions, pictures, who is shown.

Each holds the row of the site while it writes: one person at a time changes a site, and the counter
that tells visitors so moves last.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from maillage.directory.models import Professional
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, LostUpdate, NotAllowed, Unchanged
from maillage.kernel.fields import opaque_id
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.permissions import Actor
from maillage.kernel.pictures import read_picture
from maillage.public import queries, rules
from maillage.public.enums import (
    BLOCKS_MAX,
    COMPLETES,
    SCHEMES,
    TEXT_MAX,
    URL_MAX,
    BlockKind,
    PageKind,
)
from maillage.public.models import (
    PublicImage,
    PublicPage,
    PublicPageVersion,
    PublicRefusal,
    PublicSite,
)
from maillage.territory.models import Cpts

WORDS = (
    *("is_open", "lists_professionals", "summary", "address", "phone", "email"),
    *("rights_contact", "rights_email"),
)
IMAGES_MAX = 100


class BadPage(DomainError):
    """What a page says cannot be shown as it is."""


class BadSite(DomainError):
    """The site cannot be as asked."""


class BadRefusal(DomainError):
    """The refusal is noted already, or taken back already."""


def _held(by: Actor, cpts: Cpts) -> PublicSite:
    """The site of the CPTS, made if need be, locked. Raises NotAllowed."""
    if not rules.can_edit_site(by, cpts):
        raise NotAllowed("Seul un coordinateur écrit le site public de la CPTS.")
    return _locked(cpts)


def _locked(cpts: Cpts) -> PublicSite:
    sites = PublicSite.objects.select_for_update(of=("self",)).filter(cpts=cpts)
    site = sites.first()
    if site is None:
        PublicSite.objects.get_or_create(cpts=cpts)
        site = sites.get()
    return site


def _move(site: PublicSite) -> None:
    """Last of every verb: from now on no answer made before is good."""
    PublicSite.objects.filter(pk=site.pk).update(moved=opaque_id())


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    return value or "vide"


# Words of the site


@transaction.atomic
def set_site(*, by: Actor, cpts: Cpts, version: int, **words: Any) -> PublicSite:
    """Open or close the site, and say how to reach the CPTS, from the `version` that was read.

    Raises NotAllowed, BadSite, Unchanged, LostUpdate (a colleague wrote something else since).
    """
    site = _held(by, cpts)
    wanted = {name: words.get(name, getattr(site, name)) for name in WORDS}
    if wanted["phone"]:
        wanted["phone"] = phone_digits(wanted["phone"]) or ""
        if not wanted["phone"]:
            raise BadSite("Ce n'est pas un numéro de téléphone français.")
    if wanted["is_open"] and not (wanted["rights_email"] or wanted["address"]):
        raise BadSite(
            "Pour ouvrir le site, dites où écrire pour exercer ses droits : "
            "une adresse postale ou un courriel."
        )
    changed = [name for name in WORDS if getattr(site, name) != wanted[name]]
    if not changed:
        raise Unchanged("Rien ne change : le site est déjà réglé ainsi.")
    if site.version != version:
        label = site._meta.get_field
        raise LostUpdate(
            site.version,
            [
                (
                    str(label(name).verbose_name).capitalize(),
                    _said(getattr(site, name)),
                    _said(wanted[name]),
                )
                for name in changed
            ],
        )
    for name in changed:
        setattr(site, name, wanted[name])
    site.version += 1
    site.save(update_fields=[*changed, "version"])
    journal.record("public.site_set", site, by=by, cpts=cpts, changed=changed)
    _move(site)
    return site


# Pages


def _is_safe_url(url: str) -> bool:
    """An address that a link may lead to: web, mail or telephone, and nothing that runs."""
    if len(url) > URL_MAX or any(each.isspace() or not each.isprintable() for each in url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in SCHEMES or "\\" in url:
        return False
    if parts.scheme in {"http", "https"}:
        return bool(host) and "@" not in parts.netloc
    if parts.netloc:
        return False
    if parts.scheme == "mailto":
        return "@" in parts.path
    return bool(parts.path) and all(each in "+0123456789.-" for each in parts.path)


def _clean(text: Any) -> str:
    """The words alone: no invisible character, no space around, one kind of end of line."""
    lines = str(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = ("".join(c for c in line if unicodedata.category(c)[0] != "C") for line in lines)
    return "\n".join(" ".join(line.split()) for line in shown).strip()


def _checked_block(rank: int, said: dict[str, Any]) -> dict[str, Any]:
    kind, text, url = said.get("kind"), _clean(said.get("text", "")), str(said.get("url") or "")
    if kind not in BlockKind.values:
        raise BadPage(f"Bloc {rank} : cette sorte de bloc n'existe pas.")
    if kind == BlockKind.LIST:
        text = "\n".join(line for line in text.split("\n") if line)
    elif kind != BlockKind.PARAGRAPH:
        text = " ".join(text.split())
    if not text:
        lacks = "ce que montre l'image" if kind == BlockKind.IMAGE else "un texte"
        raise BadPage(f"Bloc {rank} : écrivez {lacks}.")
    if len(text) > TEXT_MAX[kind]:
        raise BadPage(f"Bloc {rank} : {TEXT_MAX[kind]} caractères au plus.")
    if kind == BlockKind.LINK and not _is_safe_url(url):
        raise BadPage(
            f"Bloc {rank} : un lien commence par https://, http://, mailto: ou tel:, sans espace."
        )
    image = said.get("image") if kind == BlockKind.IMAGE else None
    return {
        "kind": str(kind),
        "text": text,
        "url": url if kind == BlockKind.LINK else "",
        "image": image,
    }


def _checked(cpts: Cpts, kind: str, blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks as they are kept. Raises BadPage."""
    kept = [_checked_block(rank, each) for rank, each in enumerate(blocks, 1)]
    if len(kept) > BLOCKS_MAX:
        raise BadPage(f"Une page a {BLOCKS_MAX} blocs au plus : faites-en deux pages.")
    images = {each["image"] for each in kept if each["kind"] == BlockKind.IMAGE}
    if images and kind == PageKind.URGENT:
        raise BadPage("La première page n'a pas d'image : elle s'ouvre vite, même mal captée.")
    if not all(isinstance(each, int) for each in images) or len(
        queries.pictures_of(cpts.pk, images)
    ) != len(images):
        raise BadPage("Choisissez l'image parmi celles du site.")
    return kept


def _title(text: str) -> str:
    title = _clean(text)
    if not title or "\n" in title or len(title) > 120:
        raise BadPage("Donnez un titre à la page : 120 caractères au plus, sur une ligne.")
    return title


def _free_slug(cpts: Cpts, kind: str, title: str) -> str:
    if kind in COMPLETES:
        return str(kind)
    taken = set(PublicPage.objects.filter(cpts=cpts).values_list("slug", flat=True))
    stem = slugify(title)[:50].strip("-") or "page"
    tried = [stem, *(f"{stem}-{n}" for n in range(2, 100))]
    slug = next((each for each in tried if each not in taken | set(COMPLETES)), None)
    if slug is None:
        raise BadPage("Trop de pages portent ce titre.")
    return slug


def _write(by: Actor, page: PublicPage, number: int, **words: Any) -> PublicPageVersion:
    return PublicPageVersion.objects.create(
        cpts_id=page.cpts_id,
        page=page,
        number=number,
        written_by_id=by.seat_id,
        written_at=timezone.now(),
        **words,
    )


@transaction.atomic
def create_page(
    *,
    by: Actor,
    cpts: Cpts,
    kind: str,
    title: str,
    summary: str = "",
    blocks: Iterable[dict[str, Any]] = (),
) -> PublicPage:
    """Write a new page; nobody outside reads it before it is published. The same form sent twice gives
    one page. Raises NotAllowed, BadPage."""
    site = _held(by, cpts)
    if kind not in PageKind.values:
        raise BadPage("Choisissez une sorte de page.")
    if kind in COMPLETES and PublicPage.objects.filter(cpts=cpts, kind=kind).exists():
        raise BadPage("Le site a déjà une page de cette sorte : modifiez-la.")
    title, kept = _title(title), _checked(cpts, kind, blocks)
    words = {"title": title, "summary": _clean(summary)[:160]}
    drafts = PublicPageVersion.objects.filter(cpts=cpts, page__kind=kind, page__published=None)
    same = drafts.filter(**words).select_related("page").last()
    if same is not None and same.blocks == kept:
        return same.page
    slug = _free_slug(cpts, kind, title)
    page = PublicPage.objects.create(cpts=cpts, kind=kind, slug=slug)
    _write(by, page, 1, **words, blocks=kept)
    journal.record("public.page_created", page, by=by, cpts=cpts, kind=kind)
    _move(site)
    return page


@transaction.atomic
def write_page(
    *,
    by: Actor,
    page: PublicPage,
    number: int,
    title: str,
    summary: str,
    blocks: Iterable[dict[str, Any]],
) -> PublicPageVersion:
    """Write a new version of a page, from the version `number` that was read. It is not shown yet.

    Raises NotAllowed, BadPage, Unchanged, LostUpdate (a colleague wrote one meanwhile).
    """
    site = _held(by, page.cpts)
    last = queries.last_version(page)
    words = {
        "title": _title(title),
        "summary": _clean(summary)[:160],
        "blocks": _checked(page.cpts, page.kind, blocks),
    }
    if all(getattr(last, name) == said for name, said in words.items()):
        raise Unchanged("Rien ne change : la dernière version dit déjà cela.")
    if last.number != number:
        theirs = f"« {last.title} », {len(last.blocks)} blocs"
        yours = f"« {words['title']} », {len(words['blocks'])} blocs"
        raise LostUpdate(last.number, [(f"Version {last.number}", theirs, yours)])
    version = _write(by, page, last.number + 1, **words)
    journal.record("public.page_written", page, by=by, cpts=page.cpts_id, version=version.number)
    _move(site)
    return version


def _numbered(page: PublicPage, number: int) -> PublicPageVersion:
    version = queries.version_numbered(page, number)
    if version is None:
        raise BadPage("Cette version n'existe pas.")
    return version


@transaction.atomic
def restore_version(*, by: Actor, page: PublicPage, number: int) -> PublicPageVersion:
    """Take an old version up again: what it said becomes the last version, not shown yet.

    Raises NotAllowed, BadPage (no such version, a picture that is no longer there), Unchanged.
    """
    site = _held(by, page.cpts)
    old, last = _numbered(page, number), queries.last_version(page)
    words = {"title": old.title, "summary": old.summary, "blocks": old.blocks}
    if all(getattr(last, name) == said for name, said in words.items()):
        raise Unchanged("Rien ne change : la dernière version dit déjà cela.")
    words["blocks"] = _checked(page.cpts, page.kind, old.blocks)
    version = _write(by, page, last.number + 1, **words)
    journal.record(
        "public.page_restored", page, by=by, cpts=page.cpts_id, version=number, to=version.number
    )
    _move(site)
    return version


@transaction.atomic
def publish_page(*, by: Actor, page: PublicPage, number: int) -> PublicPage:
    """Show a version of a page to visitors, the last or an older one.

    Raises NotAllowed, BadPage (no such version), Unchanged.
    """
    site = _held(by, page.cpts)
    page = PublicPage.objects.get(pk=page.pk)
    version = _numbered(page, number)
    if page.published_id == version.pk:
        raise Unchanged(f"La version {number} est déjà celle que lisent les visiteurs.")
    page.published = version
    page.save(update_fields=["published"])
    journal.record("public.page_published", page, by=by, cpts=page.cpts_id, version=number)
    _move(site)
    return page


@transaction.atomic
def withdraw_page(*, by: Actor, page: PublicPage) -> PublicPage:
    """Hide a page from visitors; its versions stay. Raises NotAllowed, Unchanged."""
    site = _held(by, page.cpts)
    page = PublicPage.objects.get(pk=page.pk)
    if page.published_id is None:
        raise Unchanged("Cette page n'est pas publiée.")
    page.published = None
    page.save(update_fields=["published"])
    journal.record("public.page_withdrawn", page, by=by, cpts=page.cpts_id)
    _move(site)
    return page


# Pictures


@transaction.atomic
def add_image(*, by: Actor, cpts: Cpts, content: bytes, name: str) -> PublicImage:
    """Keep a picture for the pages, without what it carried. The same one again counts once.

    Raises NotAllowed, NotAPicture, BadPage (no name, too many).
    """
    site = _held(by, cpts)
    picture, name = read_picture(content), _clean(name)[:120]
    if not name:
        raise BadPage("Donnez un nom à l'image, pour la retrouver.")
    same = PublicImage.objects.filter(cpts=cpts, digest=picture.digest).first()
    if same is not None:
        return same
    if PublicImage.objects.filter(cpts=cpts).count() >= IMAGES_MAX:
        raise BadPage(f"Le site a déjà {IMAGES_MAX} images : retirez celles qui ne servent plus.")
    image = PublicImage.objects.create(
        cpts=cpts,
        digest=picture.digest,
        kind=picture.kind,
        width=picture.width,
        height=picture.height,
        content=picture.content,
        name=name,
        added_by_id=by.seat_id,
        added_at=timezone.now(),
    )
    journal.record("public.image_added", image, by=by, cpts=cpts, bytes=len(picture.content))
    _move(site)
    return image


@transaction.atomic
def remove_image(*, by: Actor, image: PublicImage) -> None:
    """Take a picture out for good; the pages that showed it go on without it. Raises NotAllowed."""
    site = _held(by, image.cpts)
    journal.record("public.image_removed", image, by=by, cpts=image.cpts_id)
    PublicImage.objects.filter(pk=image.pk).delete()
    _move(site)


# Who is shown


@transaction.atomic
def refuse_listing(*, by: Actor, cpts: Cpts, professional: Professional) -> PublicRefusal:
    """Take a professional off the public list of this CPTS, from now on.

    Raises NotAllowed, BadRefusal (noted already).
    """
    if not rules.can_refuse_listing(by, cpts, professional):
        raise NotAllowed("Seul le professionnel, ou un coordinateur à qui il l'a dit, le décide.")
    site = _locked(cpts)
    held = PublicRefusal.objects.filter(cpts=cpts, professional=professional).in_force().first()
    is_own = rules.can_speak_for_oneself(by, cpts, professional)
    if held is not None and (held.is_own or not is_own):
        raise BadRefusal("Ce refus est déjà noté.")
    if held is not None:  # the person says it themselves now: nobody else will take it back
        held.is_own, held.refused_by_id = True, by.seat_id
        held.save(update_fields=["is_own", "refused_by"])
        refusal = held
    else:
        refusal = PublicRefusal.objects.create(
            cpts=cpts,
            professional=professional,
            is_own=is_own,
            refused_by_id=by.seat_id,
            refused_at=timezone.now(),
        )
    journal.record("public.listing_refused", professional, by=by, cpts=cpts, is_own=is_own)
    _move(site)
    return refusal


@transaction.atomic
def withdraw_refusal(*, by: Actor, refusal: PublicRefusal) -> PublicRefusal:
    """Show the professional again. Raises NotAllowed, BadRefusal (taken back already)."""
    if not rules.can_withdraw_refusal(by, refusal):
        raise NotAllowed("Ce refus vient du professionnel : lui seul peut le lever.")
    site = _locked(refusal.cpts)
    refusal = PublicRefusal.objects.get(pk=refusal.pk)
    if refusal.withdrawn_at is not None:
        raise BadRefusal("Ce refus est déjà levé.")
    if not rules.can_withdraw_refusal(by, refusal):
        raise NotAllowed("Ce refus vient du professionnel : lui seul peut le lever.")
    refusal.withdrawn_at = timezone.now()
    refusal.save(update_fields=["withdrawn_at"])
    journal.record("public.listing_returned", refusal.professional, by=by, cpts=refusal.cpts_id)
    _move(site)
    return refusal
