from typing import ClassVar
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.fields.ranges import DateRangeField
from django.db import models
from django.db.models import F, Func, Q

from maillage.kernel.constraints import PostgresExclusion
from maillage.kernel.models import NATIONAL, OF_CPTS, scoped, tenant_constraints
from maillage.kernel.retention import Retention, nobody
from maillage.territory.enums import EpciKind, OfferKind, TravelKind, zone_of


class Epci(models.Model):
    """An intercommunal body (établissement public de coopération intercommunale)."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("intercommunalités")

    siren = models.CharField(max_length=9, primary_key=True)
    name = models.CharField("nom", max_length=200)
    kind = models.CharField(max_length=5, choices=EpciKind.choices, default=EpciKind.OTHER)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EpciKind.values), name="epci_kind_is_known")
        ]

    def __str__(self):
        return self.name


class CommuneQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """Open data: everybody."""
        return self

    def in_cpts(self, cpts, on):
        """Communes of the perimeter in force on the day `on`, parts of a commune included."""
        return self.filter(
            perimeters__in=CptsCommune.objects.filter(cpts=cpts).in_force(on)
        ).distinct()


class Commune(models.Model):
    """A commune, its arrondissements kept inside. INSEE code as text, geography of 1 January."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("communes de l'État")

    insee = models.CharField("code INSEE", max_length=5, primary_key=True)
    name = models.CharField("nom", max_length=120)
    name_key = models.CharField(max_length=120, db_index=True)
    departement = models.CharField(max_length=3, db_index=True)
    departement_name = models.CharField(max_length=60)
    region = models.CharField(max_length=3)
    region_name = models.CharField(max_length=60)
    epci = models.ForeignKey(
        Epci, null=True, blank=True, on_delete=models.SET_NULL, related_name="communes"
    )
    postal_codes = models.CharField("codes postaux", max_length=400, blank=True)
    # The town hall (chef-lieu) when known, else the centroid of the outline.
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    surface_km2 = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=120, blank=True)

    objects = CommuneQuerySet.as_manager()

    class Meta:
        ordering = ["name_key", "insee"]
        constraints = [
            models.CheckConstraint(
                condition=Q(longitude=None, latitude=None)
                | Q(
                    # A comparison with NULL is not false: the pair must be said to be there.
                    longitude__isnull=False,
                    latitude__isnull=False,
                    longitude__range=(-180, 180),
                    latitude__range=(-90, 90),
                ),
                name="commune_centre_together",
            ),
            models.CheckConstraint(
                condition=Q(insee__regex=r"^[0-9][0-9AB][0-9]{3}$"), name="commune_insee_is_shaped"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(zone_of(self.insee))


class CommunePopulation(models.Model):
    """Municipal population of one commune at one census, with its source."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("populations légales")

    commune = models.ForeignKey(Commune, on_delete=models.CASCADE, related_name="populations")
    year = models.PositiveSmallIntegerField("année")
    population = models.PositiveIntegerField()
    source = models.CharField(max_length=120)

    class Meta:
        ordering = ["-year"]
        constraints = [
            models.UniqueConstraint(
                fields=["commune", "year"], name="commune_population_once_a_year"
            )
        ]

    def __str__(self):
        return f"{self.commune_id} {self.year}: {self.population}"


class CommuneOutline(models.Model):
    """Outline of a commune as received (text of a GeoJSON geometry, WGS84).

    Apart from the commune so that lists stay light; `fingerprint` tells two versions apart without
    reading them.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("contours de communes")

    commune = models.OneToOneField(
        Commune, primary_key=True, on_delete=models.CASCADE, related_name="outline"
    )
    geometry = models.TextField()
    fingerprint = models.CharField(max_length=16)
    source = models.CharField(max_length=120)

    def __str__(self):
        return f"contour de {self.commune_id}"


class CommuneOffer(models.Model):
    """Count of professionals of one kind in one commune in one year (open data, dated)."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("offre de soins comptée par commune")

    commune = models.ForeignKey(Commune, on_delete=models.CASCADE, related_name="offers")
    year = models.PositiveSmallIntegerField("année")
    kind = models.CharField(max_length=40, choices=OfferKind.choices)
    count = models.PositiveIntegerField()
    source = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=OfferKind.values), name="commune_offer_kind_is_known"
            ),
            models.UniqueConstraint(
                fields=["commune", "year", "kind"], name="commune_offer_once_a_year"
            ),
        ]

    def __str__(self):
        return f"{self.commune_id} {self.kind} {self.year}: {self.count}"


class CommuneFormerCode(models.Model):
    """An INSEE code that is no longer one, and the commune that took it over."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("anciens codes de communes")

    code = models.CharField(max_length=5, primary_key=True)
    commune = models.ForeignKey(Commune, on_delete=models.CASCADE, related_name="former_codes")

    def __str__(self):
        return f"{self.code} -> {self.commune_id}"


class CommunePart(models.Model):
    """A named part of a commune shared between CPTSs, with its own population and its source."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("parties de communes")

    commune = models.ForeignKey(Commune, on_delete=models.CASCADE, related_name="parts")
    name = models.CharField("nom", max_length=120)
    population = models.PositiveIntegerField(null=True, blank=True)
    year = models.PositiveSmallIntegerField("année", null=True, blank=True)
    source = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["commune", "name"], name="commune_part_once"),
            models.CheckConstraint(
                condition=Q(population=None, year=None)
                | (Q(population__isnull=False, year__isnull=False) & ~Q(source="")),
                name="commune_part_population_is_sourced",
            ),
        ]

    def __str__(self):
        return f"{self.commune_id} ({self.name})"


class TravelSource(models.Model):
    """One origin of known travel times: a matrix file, or an OSRM server asked on a day.

    `loaded_at`: the last load that changed one of its times. The newest source wins.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("sources de temps de trajet")

    kind = models.CharField(max_length=6, choices=TravelKind.choices)
    name = models.CharField("nom", max_length=120)
    vintage = models.CharField("millésime", max_length=40)
    loaded_at = models.DateTimeField("chargée le")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=TravelKind.values), name="travel_source_kind_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(vintage=""), name="travel_source_is_named_and_dated"
            ),
            models.UniqueConstraint(fields=["kind", "name", "vintage"], name="travel_source_once"),
        ]

    def __str__(self):
        return f"{self.name}, {self.vintage}"


class TravelTime(models.Model):
    """Known minutes by road from a commune to another, by one source; the way back is another row.

    `minutes` empty: the source knows no route (an island).
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("temps de trajet entre communes")

    # Read by origin then destination, always: the unique constraint is the only index needed.
    origin = models.ForeignKey(
        Commune, on_delete=models.CASCADE, related_name="trips_from", db_index=False
    )
    destination = models.ForeignKey(
        Commune, on_delete=models.CASCADE, related_name="trips_to", db_index=False
    )
    source = models.ForeignKey(
        TravelSource, on_delete=models.CASCADE, related_name="times", db_index=False
    )
    minutes = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["origin", "destination", "source"], name="travel_time_once_a_source"
            ),
            models.CheckConstraint(
                condition=~Q(origin=F("destination")), name="travel_time_joins_two_communes"
            ),
            models.CheckConstraint(
                # A day: farther is an error of unit.
                condition=Q(minutes=None) | Q(minutes__range=(0, 1440)),
                name="travel_time_is_within_a_day",
            ),
        ]

    def __str__(self):
        return f"{self.origin_id} -> {self.destination_id}: {self.minutes}"


class CptsQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """The CPTS of the actor's seat. Its public page belongs to the public site."""
        return self.filter(pk=actor.cpts_id)


class Cpts(models.Model):
    """Communauté professionnelle territoriale de santé: the tenant."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("la CPTS elle-même")

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField("nom", max_length=200)
    finess = models.CharField("n° FINESS", max_length=9, blank=True)
    zone = models.CharField("fuseau horaire", max_length=40, default="Europe/Paris")
    desk_phone = models.CharField("téléphone de la régulation", max_length=16, blank=True)
    perimeter_note = models.TextField("ce qui n'est pas connu du périmètre", blank=True)
    perimeter_source = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField("fermée le", null=True, blank=True)

    objects = CptsQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class CptsCommuneQuerySet(models.QuerySet):
    def in_force(self, on):
        return self.filter(from_on__lte=on).filter(Q(until_on=None) | Q(until_on__gt=on))


class CptsCommune(models.Model):
    """A commune, or a named part of one, in the perimeter of a CPTS.

    From a day to another (excluded). A perimeter is public knowledge: this table is national.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("périmètre de la CPTS")

    cpts = models.ForeignKey(Cpts, on_delete=models.CASCADE, related_name="perimeter")
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, related_name="perimeters")
    part = models.ForeignKey(
        CommunePart, null=True, blank=True, on_delete=models.PROTECT, related_name="perimeters"
    )
    from_on = models.DateField("à partir du")
    until_on = models.DateField("jusqu'au (exclu)", null=True, blank=True)

    objects = CptsCommuneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gt=F("from_on")),
                name="cpts_commune_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["cpts", "commune", "from_on"],
                condition=Q(part=None),
                name="cpts_commune_once",
            ),
            models.UniqueConstraint(
                fields=["cpts", "part", "from_on"],
                condition=Q(part__isnull=False),
                name="cpts_commune_part_once",
            ),
            PostgresExclusion(
                name="cpts_commune_dates_do_not_overlap",
                expressions=[
                    ("cpts", RangeOperators.EQUAL),
                    ("commune", RangeOperators.EQUAL),
                    (Func(F("part"), 0, function="COALESCE"), RangeOperators.EQUAL),
                    (
                        Func(
                            "from_on",
                            "until_on",
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id}: {self.commune_id}"


class CptsPopulationQuerySet(models.QuerySet):
    def visible_to(self, actor):
        """A published figure: every seat of the CPTS (the scope has held the others back)."""
        return self.filter(cpts=actor.cpts_id)


class CptsPopulation(models.Model):
    """A population recorded for a CPTS (figure, year, source), beside the sum of its communes."""

    tenancy: ClassVar[str] = OF_CPTS
    retention: ClassVar[Retention] = nobody("population de la CPTS")

    cpts = models.ForeignKey(Cpts, on_delete=models.CASCADE, related_name="recorded_populations")
    population = models.PositiveIntegerField()
    year = models.PositiveSmallIntegerField("année")
    source = models.CharField(max_length=200)
    note = models.TextField(blank=True)
    recorded_on = models.DateField("enregistrée le")

    objects = scoped(CptsPopulationQuerySet)

    class Meta:
        ordering = ["-recorded_on", "-pk"]
        constraints = [
            *tenant_constraints("cpts_population"),
            models.CheckConstraint(
                condition=Q(population__gt=0) & ~Q(source=""),
                name="cpts_population_is_a_sourced_figure",
            ),
        ]

    def __str__(self):
        return f"{self.cpts_id} {self.year}: {self.population}"
