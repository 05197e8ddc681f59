"""Writing the public site in the browser: blocks, versions, preview, pictures, and what is refused."""

import datetime as dt
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django_scopes import scopes_disabled
from tests.public.conftest import paragraph

from maillage.accounts.enums import Role
from maillage.kernel.errors import LostUpdate, NotAllowed, Unchanged
from maillage.kernel.models import JournalLine
from maillage.kernel.pictures import BYTES_MAX, NotAPicture, read_picture
from maillage.kernel.tenancy import inside
from maillage.public import actions
from maillage.public.enums import BLOCKS_MAX, BlockKind
from maillage.public.models import (
    PublicImage,
    PublicPage,
    PublicPageVersion,
    PublicRefusal,
    PublicSite,
)
from people import actor_as, sign_in
from pictures import png

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(site):
    client = Client()
    client.force_login(site.by.seat.user)
    return client


@pytest.fixture
def at(site):
    return f"/c/{site.cpts.slug}/site/"


def posted(*blocks, title="Une page", version=0, do="keep"):
    found = {"title": title, "summary": "", "version": version, "do": do}
    for n, each in enumerate(blocks):
        found |= {f"b{n}-{name}": value for name, value in each.items()}
    return found


def test_a_page_is_written_read_over_published_changed_and_taken_back(site, editor, at):
    answer = editor.post(
        f"{at}nouvelle-page/?sorte=free", posted(paragraph("Première."), title="Nos actions")
    )
    page = PublicPage._base_manager.get()
    assert answer.url == f"{at}pages/{page.pk}/versions/"
    assert site.visit("pages/nos-actions/").status_code == 404
    assert "Première." in editor.get(f"{at}pages/{page.pk}/apercu/").content.decode()
    editor.post(f"{at}pages/{page.pk}/publier/", {"version": 1})
    assert "Première." in site.html("pages/nos-actions/")
    editor.post(
        f"{at}pages/{page.pk}/", posted(paragraph("Seconde."), title="Nos actions", version=1)
    )
    assert "Première." in site.html("pages/nos-actions/")  # a draft is nobody's
    editor.post(f"{at}pages/{page.pk}/publier/", {"version": 2})
    assert "Seconde." in site.html("pages/nos-actions/")
    history = editor.get(f"{at}pages/{page.pk}/versions/").content.decode()
    assert history.count("Aperçu") == 2 and str(site.by.seat.user) in history
    editor.post(f"{at}pages/{page.pk}/reprendre/", {"version": 1})
    editor.post(f"{at}pages/{page.pk}/publier/", {"version": 3})
    assert "Première." in site.html("pages/nos-actions/")
    editor.post(f"{at}pages/{page.pk}/retirer/")
    assert site.visit("pages/nos-actions/").status_code == 404
    kept = PublicPageVersion._base_manager.order_by("number")
    assert [each.blocks[0]["text"] for each in kept] == ["Première.", "Seconde.", "Première."]
    told = JournalLine.objects.filter(action__startswith="public.page_").order_by("number")
    assert [each.action.removeprefix("public.page_") for each in told] == [
        *("created", "published", "written", "published", "restored", "published", "withdrawn")
    ]


def test_blocks_are_added_moved_and_dropped_without_a_script(editor, at):
    address = f"{at}nouvelle-page/?sorte=free"
    one, two = paragraph("Un"), {"kind": "list", "text": "Deux"}

    def after(do):
        html = editor.post(address, posted(one, two, do=do)).content.decode()
        return re.findall(r'name="b\d-kind" value="(\w+)"', html), html

    assert after("add:link")[0] == ["paragraph", "list", "link"]
    assert after("up:1")[0] == after("down:0")[0] == ["list", "paragraph"]
    kinds, html = after("drop:0")
    assert kinds == ["list"] and "Deux" in html and ">Un<" not in html
    for odd in ("add:script", "up:9", "drop:-1", "drop:²", "", "??"):
        assert after(odd)[0] == ["paragraph", "list"]
    assert PublicPage._base_manager.count() == 0


def test_every_kind_of_block_is_drawn(site):
    with inside(site.cpts):
        image = actions.add_image(by=site.by, cpts=site.cpts, content=png(), name="Une photo")
    blocks = [
        {"kind": "heading", "text": "Un titre"},
        {"kind": "paragraph", "text": "Une ligne\nune autre"},
        {"kind": "list", "text": "premier\n\nsecond"},
        {"kind": "link", "text": "Écrire à la CPTS", "url": "mailto:cpts@vallee.example"},
        {"kind": "image", "text": "Deux soignantes", "image": image.pk},
        {"kind": "callout", "text": "À retenir"},
    ]
    assert {each["kind"] for each in blocks} == set(BlockKind.values)
    page = site.page("free", "Tout", *blocks)
    html = site.html(f"pages/{page.slug}/")
    for part in (
        *("<h2>Un titre</h2>", "<li>premier</li><li>second</li>", 'alt="Deux soignantes"'),
        *('href="mailto:cpts@vallee.example"', '<p class="callout">À retenir</p>'),
    ):
        assert part in html


HOSTILE = "<script>zxss()</script><img src=x onerror=zxss()>"


@pytest.mark.parametrize("kind", ["heading", "paragraph", "list", "callout", "link", "image"])
def test_hostile_words_are_words(site, kind):
    with inside(site.cpts):
        image = actions.add_image(by=site.by, cpts=site.cpts, content=png(), name=HOSTILE)
    page = site.page(
        "free",
        HOSTILE,
        {
            "kind": kind,
            "text": f'" {HOSTILE}',
            "url": "https://a.example/?q=%22",
            "image": image.pk,
        },
    )
    for path in (f"pages/{page.slug}/", "", "sitemap.xml"):
        html = site.html(path)
        assert "<script" not in html and "<img src=x" not in html
        assert "onerror=" not in re.sub(r"&lt;.*?&gt;", "", html)


def test_words_that_are_not_escaped_are_seen(site, monkeypatch):
    """Seeded: an engine that takes words as they come."""
    page = site.page("free", "Une page", paragraph(HOSTILE))
    monkeypatch.setattr("markupsafe._escape_inner", str)
    assert "<script" in site.html(f"pages/{page.slug}/")


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:a"),
        *(
            "data:text/html,<b>",
            "vbscript:x",
            "//mal.example",
            "/c/vallee/",
            "https:mal",
            "https://",
        ),
        *("https://cnil.fr@mal.example/", "https:\\\\mal.example", "tel:javascript", "mailto:", ""),
        *("file:///etc/passwd", "https://a b.example", "http://[::1", "https://a.example/\u202e"),
    ],
)
def test_a_link_leads_to_the_web_a_mail_or_a_telephone(site, url):
    with inside(site.cpts), pytest.raises(actions.BadPage, match="Bloc 1 : un lien commence"):
        site.page("free", "Une page", {"kind": "link", "text": "Un lien", "url": url})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "script", "text": "x"}, "cette sorte de bloc"),
        ({"kind": "paragraph", "text": " \u200b\x00 "}, "écrivez un texte"),
        ({"kind": "image", "text": "", "image": 1}, "ce que montre l'image"),
        ({"kind": "image", "text": "Une photo", "image": 1}, "parmi celles du site"),
        ({"kind": "image", "text": "Une photo"}, "parmi celles du site"),
        ({"kind": "heading", "text": "a" * 121}, "120 caractères"),
        ({}, "cette sorte de bloc"),
    ],
)
def test_a_block_that_cannot_be_shown_is_refused(site, said, why):
    with pytest.raises(actions.BadPage, match=why):
        site.page("free", "Une page", said)


def test_a_page_has_a_title_an_end_and_the_first_one_no_picture(site):
    with inside(site.cpts):
        image = actions.add_image(by=site.by, cpts=site.cpts, content=png(), name="Une photo")
    with pytest.raises(actions.BadPage, match="titre"):
        site.page("free", " ")
    with pytest.raises(actions.BadPage, match="blocs au plus"):
        site.page("free", "Longue", *[paragraph("x")] * (BLOCKS_MAX + 1))
    with pytest.raises(actions.BadPage, match="pas d'image"):
        site.page("urgent", "Soins", {"kind": "image", "text": "Une photo", "image": image.pk})
    site.page("who", "Nous")
    with pytest.raises(actions.BadPage, match="déjà une page de cette sorte"):
        site.page("who", "Nous encore")
    assert [site.page("free", "Actions").slug for _ in range(2)] == ["actions", "actions-2"]


def test_a_picture_of_another_cpts_is_not_ours(site, neighbour):
    with inside(neighbour.cpts):
        image = actions.add_image(
            by=neighbour.by, cpts=neighbour.cpts, content=png(), name="Une photo"
        )
    with pytest.raises(actions.BadPage, match="parmi celles du site"):
        site.page("free", "Une page", {"kind": "image", "text": "Une photo", "image": image.pk})
    assert site.visit(f"images/{image.file_name}").status_code == 404
    assert neighbour.visit(f"images/{image.file_name}").status_code == 200


def test_two_people_do_not_write_over_each_other(site, editor, at):
    page = site.page("free", "Une page", paragraph("Avant"))
    write = f"{at}pages/{page.pk}/"
    editor.post(write, posted(paragraph("La collègue"), version=1))
    answer = editor.post(write, posted(paragraph("Moi"), version=1))
    html = answer.content.decode()
    assert answer.status_code == 422 and "Un collègue a modifié" in html and "Moi" in html
    with inside(site.cpts), pytest.raises(Unchanged):
        actions.write_page(
            by=site.by,
            page=page,
            number=1,
            title="Une page",
            summary="",
            blocks=[paragraph("La collègue")],
        )
    with inside(site.cpts), pytest.raises(LostUpdate):
        actions.set_site(by=site.by, cpts=site.cpts, version=1, phone="0353019911")


def test_the_coordinator_is_told_while_no_legal_page_is_online(site, editor, at):
    told = "Aucune page légale en ligne"
    assert told in editor.get(at).content.decode()
    site.page("legal", "Mentions légales", paragraph("Éditeur : la CPTS."))
    assert told not in editor.get(at).content.decode()


def test_the_settings_of_the_site_are_typed(site, editor, at):
    html = editor.get(at).content.decode()
    version = re.search(r'name="version" value="(\d+)"', html)[1]
    words = {
        "is_open": "on",
        "phone": "03 53 01 99 12",
        "address": "2 rue Neuve",
        "version": version,
    }
    assert editor.post(at, words).status_code == 302
    saved = PublicSite._base_manager.get(cpts=site.cpts)
    assert (saved.phone, saved.lists_professionals) == ("0353019912", False)
    answer = editor.post(at, {"is_open": "on", "version": saved.version})
    assert answer.status_code == 422 and "où écrire" in answer.content.decode()


def test_only_a_coordinator_writes_the_site(site):
    page = site.page("free", "Une page", paragraph("x"))
    refusal_of = site.professional("Proche")
    for role in set(Role) - {Role.COORDINATOR}:
        by = actor_as(site.cpts, role)
        with inside(site.cpts):
            for act in (
                lambda by=by: actions.set_site(by=by, cpts=site.cpts, version=1, phone=""),
                lambda by=by: actions.create_page(by=by, cpts=site.cpts, kind="free", title="x"),
                lambda by=by: actions.publish_page(by=by, page=page, number=1),
                lambda by=by: actions.withdraw_page(by=by, page=page),
                lambda by=by: actions.restore_version(by=by, page=page, number=1),
                lambda by=by: actions.add_image(by=by, cpts=site.cpts, content=png(), name="x"),
                lambda by=by: actions.refuse_listing(
                    by=by, cpts=site.cpts, professional=refusal_of
                ),
            ):
                with pytest.raises(NotAllowed):
                    act()


# Pictures


def test_a_picture_is_kept_without_what_it_carried(site, editor, at):
    secrets = [(b"tEXt", b"Author\x00Zauteur"), (b"eXIf", b"MM\x00*Zlieu"), (b"tIME", b"1234567")]
    sent = png(extra=secrets) + b"Zapres"
    answer = editor.post(
        f"{at}images/", {"name": "Une photo", "file": SimpleUploadedFile("z.png", sent)}
    )
    assert answer.status_code == 302
    kept = bytes(PublicImage._base_manager.get().content)
    assert kept == png() and b"Z" not in kept.replace(png(), b"")
    editor.post(f"{at}images/", {"name": "La même", "file": SimpleUploadedFile("y.png", png())})
    assert PublicImage._base_manager.count() == 1


def segment(mark, data):
    return b"\xff" + bytes([mark]) + (len(data) + 2).to_bytes(2, "big") + data


def exif(value):
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + value.to_bytes(2, "big") + b"\x00\x00"
    return b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00Zlieu"


def jpeg(*more, width=7, height=5):
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    frame = segment(0xC0, b"\x08" + size + b"\x01\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(more) + segment(0xDB, b"q" * 65) + frame + scan + b"\xff\xd9"


def test_a_photograph_keeps_which_way_up_it_is_and_nothing_else():
    said = [segment(0xE1, exif(6)), segment(0xFE, b"Zcommentaire"), segment(0xED, b"Zauteur")]
    found = read_picture(jpeg(*said) + b"Zapres")
    assert (found.kind, found.width, found.height) == ("jpeg", 7, 5)
    assert (
        b"Z" not in found.content and b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in found.content
    )
    plain = read_picture(jpeg(segment(0xE1, exif(1))))
    assert plain.content == jpeg()
    assert read_picture(found.content) == found  # cleaned twice is cleaned once


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"GIF89a", b"<svg onload=zxss()>", b"%PDF-1.7", b"<html>", b"\xff\xd8\xff"),
        *(b"\x89PNG\r\n\x1a\n", png()[:-20], png().replace(b"IDAT", b"IDAX"), jpeg()[:40]),
        *(
            png(4001, 1),
            b"a" * (BYTES_MAX + 1),
            jpeg(width=0),
            b"\xff\xd8\xff\xd9",
            jpeg(width=60000),
        ),
    ],
)
def test_what_is_not_a_picture_is_refused(content):
    with pytest.raises(NotAPicture):
        read_picture(content)


def test_a_picture_cut_anywhere_breaks_nothing():
    for whole in (png(3, 3), jpeg(segment(0xE1, exif(3)))):
        for at in range(len(whole)):
            for tried in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
                try:
                    read_picture(tried)
                except NotAPicture:
                    continue


def test_a_file_that_is_no_picture_is_refused_on_the_page(editor, at):
    sent = SimpleUploadedFile("z.png", b"<script>zxss()</script>", content_type="image/png")
    answer = editor.post(f"{at}images/", {"name": "Une photo", "file": sent})
    assert answer.status_code == 422 and "ni une image PNG" in answer.content.decode()
    assert editor.post(f"{at}images/", {"name": "Une photo"}).status_code == 422


# Constraints


def rows(site, professional):
    now, cpts = timezone.now(), site.cpts
    page = site.page("who", "Nous")
    version = {"cpts": cpts, "page": page, "title": "t", "written_at": now}
    image = {"cpts": cpts, "kind": "png", "width": 1, "height": 1, "content": b"x"}
    image |= {"name": "x", "added_at": now, "digest": "a" * 64}
    refusal = {"cpts": cpts, "professional": professional, "is_own": False, "refused_at": now}
    return {
        "public_page_slug_once": lambda: PublicPage(cpts=cpts, kind="free", slug="who"),
        "public_page_kind_once": lambda: PublicPage(cpts=cpts, kind="who", slug="autre"),
        "public_page_kind_is_known": lambda: PublicPage(cpts=cpts, kind="autre", slug="autre"),
        "public_page_has_an_address": lambda: PublicPage(cpts=cpts, kind="free", slug=""),
        "public_page_version_once": lambda: PublicPageVersion(**version, number=1),
        "public_page_version_has_a_title": lambda: PublicPageVersion(
            **version | {"title": ""}, number=2
        ),
        "public_image_digest_is_shaped": lambda: PublicImage(**image | {"digest": "../x"}),
        "public_image_kind_is_known": lambda: PublicImage(**image | {"kind": "svg"}),
        "public_image_has_a_size": lambda: PublicImage(**image | {"width": 0}),
        "public_refusal_dates_in_order": lambda: PublicRefusal(
            **refusal, withdrawn_at=now - dt.timedelta(days=1)
        ),
        "public_image_once": lambda: twice(PublicImage, image),
        "public_refusal_once": lambda: twice(PublicRefusal, refusal),
        "public_site_open_says_where_to_write": lambda: shut(site),
    }


def twice(model, values):
    model._base_manager.create(**values)
    return model(**values)


def shut(site):
    held = PublicSite._base_manager.get(cpts=site.cpts)
    held.rights_email = held.address = ""
    return held


NAMES = [
    each.name
    for model in (PublicSite, PublicPage, PublicPageVersion, PublicImage, PublicRefusal)
    for each in model._meta.constraints
    if not each.name.endswith(("_cpts_id", "_same_cpts"))
]


@pytest.mark.parametrize("name", NAMES)
def test_constraints(site, name):
    with scopes_disabled():
        row = rows(site, site.professional("Proche"))[name]()
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def test_a_reader_sees_no_way_to_write(site, client, at):
    sign_in(client, site.cpts, Role.READER)
    assert client.get(at).status_code == 403
