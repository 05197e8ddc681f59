"""Who sees what a professional opens, and how much they accept to be asked."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from maillage.directory.models import Delegation, Professional, ProfessionalAccount
from maillage.kernel.models import NATIONAL
from maillage.kernel.retention import Retention, RetentionClass
from maillage.territory.models import Cpts


def kept_by(user_id):
    """Professionals whose availability this account keeps: themselves, and those who delegated."""
    if user_id is None:
        return Professional.objects.none()
    mine = ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
    delegated = Delegation.objects.in_force(timezone.localdate()).filter(secretary=user_id)
    return Professional.objects.filter(
        Q(pk__in=mine.values("professional")) | Q(pk__in=delegated.values("professional"))
    )


class RuleQuerySet(models.QuerySet):
    """Periods, openings, absences: national rows, reached only by whoever keeps them."""

    def visible_to(self, actor):
        return self.filter(professional__in=kept_by(actor.user_id))


class UsualVisibility(models.Model):
    """The set of audiences a professional chose for what they open. No row: nothing is visible."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.OneToOneField(
        Professional, primary_key=True, on_delete=models.CASCADE, related_name="usual_visibility"
    )
    for_public = models.BooleanField("tout public", default=False)
    for_pro = models.BooleanField("professionnels", default=False)
    for_snp = models.BooleanField("soins non programmés", default=False)
    for_cpts = models.BooleanField("membres de la CPTS", default=False)
    chosen_at = models.DateTimeField()
    chosen_by = models.BigIntegerField("compte qui a choisi", null=True)

    def __str__(self):
        return f"visibilité de {self.professional_id}"


class CptsVisibility(models.Model):
    """What a professional gives to one CPTS: its SNP desk, its members. Withdrawn at once."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.ForeignKey(
        Professional, on_delete=models.CASCADE, related_name="cpts_visibilities"
    )
    cpts = models.ForeignKey(Cpts, on_delete=models.CASCADE, related_name="+")
    snp = models.BooleanField("à sa régulation SNP", default=False)
    members = models.BooleanField("à ses membres", default=False)
    chosen_at = models.DateTimeField()
    chosen_by = models.BigIntegerField("compte qui a choisi", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["professional", "cpts"], name="cpts_visibility_once")
        ]

    def __str__(self):
        return f"{self.professional_id} -> {self.cpts_id}"


class AskingPreferencesQuerySet(models.QuerySet):
    def paused(self, now):
        """Those who asked for nothing more to come, whatever they opened."""
        return self.filter(Q(paused_until=None) | Q(paused_until__gt=now), paused_at__lte=now)


class AskingPreferences(models.Model):
    """How much a professional accepts to be asked, by every CPTS. No row: no limit.

    A pause hides every slot at once and leaves what was accepted as it is. Quiet hours are minutes
    of the wall clock where they practise, and may pass midnight: nothing is asked, nothing is sent.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.OneToOneField(
        Professional, primary_key=True, on_delete=models.CASCADE, related_name="asking_preferences"
    )
    paused_at = models.DateTimeField("en pause depuis", null=True, blank=True)
    paused_until = models.DateTimeField("en pause jusqu'au", null=True, blank=True)
    weekly_cap = models.PositiveSmallIntegerField(
        "demandes acceptées par semaine, au plus", null=True, blank=True
    )
    quiet_from_minute = models.PositiveSmallIntegerField("heures calmes de", null=True, blank=True)
    quiet_to_minute = models.PositiveSmallIntegerField("heures calmes à", null=True, blank=True)
    for_neighbours = models.BooleanField(
        "mes créneaux peuvent aider les CPTS voisines liées par un accord", default=False
    )
    changed_at = models.DateTimeField()
    changed_by = models.BigIntegerField("compte qui a choisi", null=True)

    objects = AskingPreferencesQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_until=None) | Q(paused_at__isnull=False),
                name="asking_pause_says_since_when",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from_minute=None, quiet_to_minute=None)
                # Half a pair compares to nothing: unless said, the database would let it through.
                | Q(
                    ~Q(quiet_from_minute=models.F("quiet_to_minute")),
                    quiet_from_minute__isnull=False,
                    quiet_to_minute__isnull=False,
                    quiet_from_minute__lt=1440,
                    quiet_to_minute__lte=1440,
                ),
                name="asking_quiet_hours_whole",
                violation_error_message="Les heures calmes ont un début et une fin différents.",
            ),
        ]

    def __str__(self):
        return f"préférences de {self.professional_id}"
