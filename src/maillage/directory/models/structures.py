from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from maillage.accounts.models import Seat
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.identifiers import is_finess_key_right
from maillage.kernel.models import NATIONAL, OF_CPTS, scoped, tenant_constraints
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import Retention, RetentionClass, nobody
from maillage.territory.models import Commune, Cpts

FINESS = r"^[0-9][0-9AB][0-9]{7}$"


class StructureKind(models.Model):
    """A category of establishment: code and words of the FINESS nomenclature, as loaded."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("catégories d'établissements")

    code = models.CharField(max_length=4, primary_key=True)
    label = models.CharField("catégorie", max_length=120)
    group_code = models.CharField(max_length=4, blank=True)
    group_label = models.CharField("famille", max_length=120, blank=True)

    class Meta:
        ordering = ["label", "code"]

    def __str__(self):
        return self.label


class StructureQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """A public list: everybody who opens a directory."""
        return self if actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id) else self.none()

    def open_on(self, on):
        return self.filter(Q(closed_on=None) | Q(closed_on__gt=on))


class Structure(models.Model):
    """An establishment of the national FINESS file: one record, in the lists of several CPTSs.

    `vintage`: the day of the last file that held it. `closed_on`: closed from that day on.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("établissements du répertoire FINESS")

    finess = models.CharField("n° FINESS", max_length=9, primary_key=True)
    legal_finess = models.CharField("n° FINESS de l'entité juridique", max_length=9, blank=True)
    name = models.CharField("nom", max_length=120)
    kind = models.ForeignKey(StructureKind, on_delete=models.PROTECT, related_name="structures")
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, related_name="structures")
    address = models.CharField("adresse", max_length=200, blank=True)
    postal_line = models.CharField("code postal et ville", max_length=80, blank=True)
    phone = models.CharField("téléphone", max_length=16, blank=True)
    opened_on = models.DateField("ouverte le", null=True, blank=True)
    closed_on = models.DateField("fermée le", null=True, blank=True)
    source = models.CharField(max_length=120)
    vintage = models.DateField("millésime")
    search_key = models.CharField(max_length=300, editable=False)

    objects = StructureQuerySet.as_manager()

    class Meta:
        ordering = ["name", "finess"]
        constraints = [
            models.CheckConstraint(
                condition=Q(finess__regex=FINESS), name="structure_finess_is_shaped"
            ),
            models.CheckConstraint(
                condition=Q(legal_finess="") | Q(legal_finess__regex=FINESS),
                name="structure_legal_finess_is_shaped",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="structure_has_a_name"),
            models.CheckConstraint(condition=~Q(source=""), name="structure_has_a_source"),
            models.CheckConstraint(
                condition=Q(opened_on=None) | Q(closed_on=None) | Q(closed_on__gte=F("opened_on")),
                name="structure_dates_in_order",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def finess_key_is_right(self) -> bool:
        """A wrong key is shown as a warning, never refused."""
        return is_finess_key_right(self.finess)


class CptsStructureQuerySet(models.QuerySet):
    def in_force(self, on):
        """In the list of the CPTS on the day `on`."""
        return self.filter(Q(until_on=None) | Q(until_on__gt=on), since_on__lte=on)

    def visible_to(self, actor):
        if not actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class CptsStructure(models.Model):
    """A structure in the list of one CPTS: from a day to another (excluded), and its own note."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = nobody("établissements connus de la CPTS")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="structure_records")
    structure = models.ForeignKey(Structure, on_delete=models.PROTECT, related_name="cpts_records")
    since_on = models.DateField("dans la liste depuis")
    until_on = models.DateField("sortie le", null=True, blank=True)
    note = models.TextField("note de la CPTS", blank=True)
    version = models.PositiveIntegerField(default=1)  # of the note

    objects = scoped(CptsStructureQuerySet)

    class Meta:
        ordering = ["structure__name", "pk"]
        constraints = [
            *tenant_constraints("cpts_structure"),
            models.UniqueConstraint(fields=["cpts", "structure"], name="cpts_structure_once"),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("since_on")),
                name="cpts_structure_dates_in_order",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.structure_id}"


class DatedQuerySet(models.QuerySet):
    """Rows of a CPTS in force from a day to another (excluded)."""

    def in_force(self, on):
        return self.filter(Q(until_on=None) | Q(until_on__gt=on), from_on__lte=on)

    def visible_to(self, actor):
        if not actor.may(Permission.DIRECTORY_VIEW, actor.cpts_id):
            return self.none()
        return self.filter(cpts=actor.cpts_id)


class StructureContact(models.Model):
    """How to reach one service of a structure, as one CPTS knows it: a service, not a person.

    From a day to another (excluded). A change ends the row and writes another: what was true is
    kept. `checked_on`: the last day somebody made sure of it.
    """

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="until_on")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="structure_contacts")
    record = models.ForeignKey(CptsStructure, on_delete=models.PROTECT, related_name="contacts")
    service = models.CharField(max_length=80)
    phone = models.CharField("téléphone", max_length=16, blank=True)
    email = models.EmailField("courriel", blank=True)
    from_on = models.DateField("valable à partir du")
    until_on = models.DateField("plus valable à partir du", null=True, blank=True)
    checked_on = models.DateField("vérifié le", null=True, blank=True)

    objects = scoped(DatedQuerySet)

    class Meta:
        ordering = ["service", "pk"]
        constraints = [
            *tenant_constraints("structure_contact"),
            TenantForeignKey(field="record", name="structure_contact_record_same_cpts"),
            models.CheckConstraint(
                condition=~Q(service=""), name="structure_contact_names_a_service"
            ),
            models.CheckConstraint(
                condition=~Q(phone="", email=""), name="structure_contact_reaches_somebody"
            ),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="structure_contact_dates_in_order",
            ),
        ]

    def __str__(self):
        return f"{self.service} ({self.record_id})"


class StructureMember(models.Model):
    """Somebody with a seat in the CPTS works for this structure, from a day to another (excluded)."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.DIRECTORY, ends="until_on")

    cpts = models.ForeignKey(Cpts, on_delete=models.PROTECT, related_name="structure_members")
    record = models.ForeignKey(CptsStructure, on_delete=models.PROTECT, related_name="members")
    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="structure_members")
    function = models.CharField("fonction", max_length=80, blank=True)
    from_on = models.DateField("à partir du")
    until_on = models.DateField("plus à partir du", null=True, blank=True)

    objects = scoped(DatedQuerySet)

    class Meta:
        ordering = ["from_on", "pk"]
        constraints = [
            *tenant_constraints("structure_member"),
            TenantForeignKey(field="record", name="structure_member_record_same_cpts"),
            TenantForeignKey(field="seat", name="structure_member_seat_same_cpts"),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")),
                name="structure_member_dates_in_order",
            ),
            models.UniqueConstraint(
                fields=["record", "seat"],
                condition=Q(until_on=None),
                name="structure_member_once",
                violation_error_message="Cette personne travaille déjà pour cette structure.",
            ),
        ]

    def __str__(self):
        return f"{self.seat_id} @ {self.record_id}"
