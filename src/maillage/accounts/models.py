from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from maillage.accounts.enums import Channel, NoticeState, Role, SeatState, Tried
from maillage.kernel.fields import SealedTextField, opaque_id
from maillage.kernel.models import NATIONAL, OF_CPTS, TECHNICAL, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.territory.models import Cpts


class UserManager(BaseUserManager):
    def get_by_natural_key(self, username):
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in. What they may do is in their seats; `is_staff` opens the technical admin."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.SEAT,
        ends=Case(When(is_staff=True, then=None), default=Coalesce("last_login", "date_joined")),
        erases={
            "given_name": "",
            "family_name": "",
            "email": Concat(
                Value("efface-"),
                Cast("pk", models.CharField()),
                Value("@efface.invalid"),
                output_field=models.EmailField(),
            ),
            "password": "!",
            "is_active": False,
        },
    )

    email = models.EmailField("adresse électronique", unique=True)
    given_name = models.CharField("prénom", max_length=80, blank=True)
    family_name = models.CharField("nom", max_length=80, blank=True)
    is_active = models.BooleanField("actif", default=True)
    is_staff = models.BooleanField("opérateur technique", default=False)
    is_demo = models.BooleanField("compte de démonstration", default=False)
    shortcuts = models.BooleanField("raccourcis clavier à une touche", default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField("effacé le", null=True, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        ordering = ["family_name", "given_name", "pk"]

    def __str__(self):
        return f"{self.given_name} {self.family_name}".strip() or self.email


class SeatQuerySet(models.QuerySet):
    def active(self, on):
        """Seats that give rights on the day `on`."""
        return self.filter(
            Q(starts_on=None) | Q(starts_on__lte=on),
            Q(ends_on=None) | Q(ends_on__gte=on),
            state=SeatState.ACTIVE,
            user__is_active=True,
            cpts__closed_at=None,
        )

    def visible_to(self, actor):
        if not actor.may(Permission.SEATS_MANAGE, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class Seat(models.Model):
    """A role held by a person in one CPTS, between two days (both included).

    Only `active` gives rights.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.SEAT,
        ends=Case(When(state=SeatState.LEFT, then=F("left_on")), default=F("ends_on")),
        holds=("user",),
    )

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="seats")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    role = models.CharField(max_length=30, choices=Role.choices)
    state = models.CharField(max_length=10, choices=SeatState.choices, default=SeatState.INVITED)
    starts_on = models.DateField("à partir du", null=True, blank=True)
    ends_on = models.DateField("jusqu'au", null=True, blank=True)
    invited_at = models.DateTimeField(auto_now_add=True)
    left_on = models.DateField("parti le", null=True, blank=True)

    # The middleware must find a person's seats before any scope is open, so the manager is plain;
    # `visible_to` names the CPTS itself.
    objects = SeatQuerySet.as_manager()

    class Meta:
        ordering = ["cpts__name", "role", "pk"]
        constraints = [
            *tenant_constraints("seat"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="seat_role_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=SeatState.values), name="seat_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(starts_on=None) | Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                name="seat_ends_after_it_starts",
                violation_error_message="La date de fin précède la date de début.",
            ),
            models.UniqueConstraint(
                fields=["cpts", "user", "role"],
                condition=~Q(state=SeatState.LEFT),
                name="seat_once",
                violation_error_message="Cette personne a déjà ce rôle dans la CPTS.",
            ),
        ]

    def __str__(self):
        return f"{self.user} — {self.get_role_display()}"


class NoticeQuerySet(models.QuerySet):
    def due(self, now):
        return self.filter(state=NoticeState.WAITING, next_try_at__lte=now)

    def visible_to(self, actor):
        if not actor.may(Permission.OUTBOX_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class Notice(models.Model):
    """A mail or an SMS to send: written in the transaction of the act, sent later by a command.

    `key` is given to the gateway so that a second copy can be dropped at the other end.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.NOTICE,
        ends=Case(When(state=NoticeState.FAILED, then=F("next_try_at")), default=F("sent_at")),
        erases={"recipient": "", "subject": "", "body": "", "last_error": ""},
    )

    id = models.BigAutoField(primary_key=True, default=opaque_id)
    # The sender works for every CPTS at once, outside a scope.
    cpts = models.ForeignKey(Cpts, null=True, on_delete=models.PROTECT, related_name="notices")
    key = models.CharField(max_length=120, unique=True)
    channel = models.CharField(max_length=4, choices=Channel.choices)
    recipient = SealedTextField("destinataire", max_length=254)
    subject = SealedTextField("objet", max_length=200, blank=True)
    body = SealedTextField("texte")
    state = models.CharField(max_length=7, choices=NoticeState.choices, default=NoticeState.WAITING)
    tries = models.PositiveSmallIntegerField("essais", default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    # A mail server's refusal may say the address again.
    last_error = SealedTextField("dernière erreur", max_length=300, blank=True)
    erased_at = models.DateTimeField("effacé le", null=True, blank=True, editable=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            *tenant_constraints("notice"),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="notice_channel_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=NoticeState.values), name="notice_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    sent_at=None,
                    state__in=[NoticeState.WAITING, NoticeState.FAILED, NoticeState.DROPPED],
                )
                | Q(sent_at__isnull=False, state__in=[NoticeState.SENT, NoticeState.KEPT]),
                name="notice_sent_says_when",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(state=NoticeState.WAITING), name="notice_due"
            )
        ]

    def __str__(self):
        return f"{self.channel} {self.key}"


class Throttle(models.Model):
    """How often one thing was tried since an instant. Shared by every process; `key` is a digest: no
    account and no address can be read here."""

    tenancy: ClassVar[str] = TECHNICAL
    retention: ClassVar[Retention] = nobody("empreintes ; un compteur d'un jour est effacé")

    key = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=10, choices=Tried.choices)
    since = models.DateTimeField("depuis", db_index=True)
    tries = models.PositiveIntegerField("essais")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=Tried.values), name="throttle_kind_is_known"
            )
        ]

    def __str__(self):
        return f"{self.kind} {self.tries}"


class ProfessionalIdentityQuerySet(models.QuerySet):
    def valid(self):
        """Cards that open an account today: those of the provider that is set, under a known name."""
        return self.filter(issuer=settings.PSC_ISSUER, new_subject="").exclude(issuer="")


class ProfessionalIdentity(models.Model):
    """Whose account a professional card opens: the provider that vouches, the national identifier.

    `subject` is the name the provider uses for the person. When it changes for the same identifier,
    the new one waits in `new_subject` and opens nothing until an administrator confirms it.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.SEAT, part_of="user", goes_first=True
    )

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField("fournisseur", max_length=200)
    name_id = models.CharField("identifiant national", max_length=12)
    subject = models.CharField("nom chez le fournisseur", max_length=255)
    new_subject = models.CharField("nouveau nom", max_length=255, blank=True)
    linked_at = models.DateTimeField("relié le", auto_now_add=True)

    objects = ProfessionalIdentityQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "name_id"], name="professional_identity_one_account"
            ),
            models.UniqueConstraint(
                fields=["issuer", "user"], name="professional_identity_one_card_per_account"
            ),
            models.CheckConstraint(
                condition=Q(name_id__regex=r"^8[0-9]{11}$"),
                name="professional_identity_is_8_and_rpps",
            ),
            models.CheckConstraint(
                condition=~Q(new_subject=F("subject")), name="professional_identity_new_is_another"
            ),
        ]

    def __str__(self):
        return f"{self.name_id} -> {self.user_id}"
