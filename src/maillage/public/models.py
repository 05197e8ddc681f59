from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.fields import opaque_id
from maillage.kernel.models import OF_CPTS, OfCpts, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.public.enums import COMPLETES, PageKind
from maillage.territory.models import Cpts

DIGEST = r"^[0-9a-f]{64}$"


class SiteQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """Whoever writes the site. What is public is read without a seat, in the scope of its CPTS."""
        if not actor.may(Permission.PUBLIC_EDIT, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class PublicSite(models.Model):
    """The public site of one CPTS: whether it is open, and how to reach the CPTS.

    `version`: of these words, so that two people do not write over each other. `moved`: another number
    at every write on the site, never one that was there before; what was served stands while it does.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = nobody("site public de la CPTS")

    cpts = models.OneToOneField(Cpts, on_delete=models.PROTECT, related_name="+")
    is_open = models.BooleanField("site ouvert au public", default=False)
    lists_professionals = models.BooleanField("annuaire montré au public", default=False)
    summary = models.CharField("présentation en une phrase", max_length=160, blank=True)
    address = models.CharField("adresse postale", max_length=200, blank=True)
    phone = models.CharField("téléphone de la CPTS", max_length=16, blank=True)
    email = models.EmailField("courriel de la CPTS", blank=True)
    rights_contact = models.CharField("à qui écrire pour ses droits", max_length=120, blank=True)
    rights_email = models.EmailField("courriel pour les droits", blank=True)
    version = models.PositiveIntegerField(default=1)
    moved = models.PositiveBigIntegerField(default=opaque_id)

    objects = scoped(SiteQuerySet)

    class Meta:
        constraints = [
            *tenant_constraints("public_site"),
            models.CheckConstraint(
                condition=Q(is_open=False) | ~Q(rights_email="") | ~Q(address=""),
                name="public_site_open_says_where_to_write",
                violation_error_message="Un site ouvert dit où écrire pour exercer ses droits.",
            ),
        ]

    def __str__(self):
        return f"site {self.cpts_id}"


class PublicPage(OfCpts):
    """A page that the CPTS writes. Its words are in its versions; `published` is the one shown."""

    retention: ClassVar[Retention] = nobody("pages du site public")

    kind = models.CharField("sorte de page", max_length=8, choices=PageKind.choices)
    slug = models.SlugField("adresse", max_length=60)
    published = models.ForeignKey(
        "public.PublicPageVersion", null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = scoped(SiteQuerySet)

    class Meta:
        ordering = ["kind", "slug"]
        constraints = [
            *tenant_constraints("public_page"),
            TenantForeignKey(field="published", name="public_page_published_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "slug"],
                name="public_page_slug_once",
                violation_error_message="Une autre page du site a déjà cette adresse.",
            ),
            models.UniqueConstraint(
                fields=["cpts", "kind"],
                condition=Q(kind__in=COMPLETES),
                name="public_page_kind_once",
                violation_error_message="Le site a déjà une page de cette sorte.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=PageKind.values), name="public_page_kind_is_known"
            ),
            models.CheckConstraint(condition=~Q(slug=""), name="public_page_has_an_address"),
        ]

    def __str__(self):
        return self.slug

    @property
    def is_published(self) -> bool:
        return self.published_id is not None

    @property
    def completes(self) -> bool:
        """It is part of a page that exists anyway: it has no address of its own."""
        return self.kind in COMPLETES


class PublicPageVersion(OfCpts):
    """What a page says, as somebody wrote it one day. Never changed: a correction is a new version.

    `blocks`: one under the other, each with its `kind` (BlockKind), its `text` (a line per item for a
    list, what replaces the picture for an image), its `url` (a link) and its `image` (an id).
    """

    retention: ClassVar[Retention] = nobody("versions des pages du site public")

    page = models.ForeignKey(PublicPage, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField("titre", max_length=120)
    summary = models.CharField("résumé", max_length=160, blank=True)
    blocks = models.JSONField(default=list)
    written_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    objects = scoped(SiteQuerySet)

    class Meta:
        ordering = ["-number"]
        constraints = [
            *tenant_constraints("public_page_version"),
            TenantForeignKey(field="page", name="public_page_version_page_same_cpts"),
            TenantForeignKey(field="written_by", name="public_page_version_by_same_cpts"),
            models.UniqueConstraint(fields=["page", "number"], name="public_page_version_once"),
            models.CheckConstraint(condition=~Q(title=""), name="public_page_version_has_a_title"),
        ]

    def __str__(self):
        return f"version {self.number}"


class PublicImage(OfCpts):
    """A picture of the site, cleaned of what it carried (`kernel.pictures`); named by its bytes."""

    retention: ClassVar[Retention] = nobody("images du site public, retirées à la main")

    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=4, choices=[("png", "PNG"), ("jpeg", "JPEG")])
    width = models.PositiveIntegerField("largeur")
    height = models.PositiveIntegerField("hauteur")
    content = models.BinaryField()
    name = models.CharField("nom, pour la retrouver", max_length=120)
    added_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    objects = scoped(SiteQuerySet)

    class Meta:
        ordering = ["-added_at", "-pk"]
        constraints = [
            *tenant_constraints("public_image"),
            TenantForeignKey(field="added_by", name="public_image_by_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "digest"],
                name="public_image_once",
                violation_error_message="Cette image est déjà dans le site.",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=DIGEST), name="public_image_digest_is_shaped"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["png", "jpeg"]), name="public_image_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0), name="public_image_has_a_size"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def file_name(self) -> str:
        return f"{self.digest[:32]}.{self.kind}"


class RefusalQuerySet(models.QuerySet):
    def in_force(self):
        return self.filter(withdrawn_at=None)

    def visible_to(self, actor):
        if not actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class PublicRefusal(OfCpts):
    """A professional of the directory does not want to be shown on the public site of this CPTS.

    `is_own`: they said it themselves, from their account; then nobody else takes it back.
    """

    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="withdrawn_at")

    professional = models.ForeignKey(Professional, on_delete=models.PROTECT, related_name="+")
    is_own = models.BooleanField("dit par la personne elle-même")
    refused_by = models.ForeignKey(Seat, null=True, on_delete=models.PROTECT, related_name="+")
    refused_at = models.DateTimeField("refusé le")
    withdrawn_at = models.DateTimeField("levé le", null=True, blank=True)

    objects = scoped(RefusalQuerySet)

    class Meta:
        ordering = ["-refused_at", "-pk"]
        constraints = [
            *tenant_constraints("public_refusal"),
            TenantForeignKey(field="refused_by", name="public_refusal_by_same_cpts"),
            models.UniqueConstraint(
                fields=["cpts", "professional"],
                condition=Q(withdrawn_at=None),
                name="public_refusal_once",
                violation_error_message="Ce refus est déjà noté.",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("refused_at")),
                name="public_refusal_dates_in_order",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.professional_id}"
