"""National records: recorded in batches by an import, or one by one by a coordinator."""

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.compute import spelling
from maillage.directory.enums import (
    AGE_MAX,
    Language,
    PlaceRow,
    Profession,
    ProfessionalRow,
    Speciality,
)
from maillage.directory.models import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalLanguage,
    ProfessionalWord,
    WordKey,
)
from maillage.directory.queries import name_words
from maillage.directory.rules import can_record_professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import fold, is_finess, is_rpps_shaped, phone_digits
from maillage.kernel.permissions import Actor
from maillage.territory.models import Commune

OWN_FIELDS = (
    *("given_name", "family_name", "profession", "speciality", "phone", "email"),
    *("age_from", "age_to", "does_office", "does_home", "does_remote"),
)
BATCH = 500


class BadProfessional(DomainError):
    """The record cannot be kept as given: number, profession, ages, telephone or commune."""


def _phone(text: str) -> str:
    if not text.strip():
        return ""
    digits = phone_digits(text)
    if digits is None:
        raise BadProfessional(f"« {text} » n'est pas un numéro de téléphone.")
    return digits


def _check(row: ProfessionalRow) -> None:
    if not is_rpps_shaped(row.rpps):
        raise BadProfessional("Un numéro RPPS est fait de 11 chiffres.")
    if not row.family_name.strip():
        raise BadProfessional("Indiquez le nom d'exercice.")
    if row.profession not in Profession.values:
        raise BadProfessional("Choisissez une profession de la liste.")
    if row.speciality and (
        row.speciality not in Speciality.values or row.profession != Profession.DOCTOR
    ):
        raise BadProfessional("Cette spécialité n'est pas celle d'un médecin de la liste.")
    if not 0 <= row.age_from <= row.age_to <= AGE_MAX:
        raise BadProfessional(f"Les âges reçus vont de 0 à {AGE_MAX} ans, dans l'ordre.")
    if not set(row.languages) <= set(Language.values):
        raise BadProfessional("Choisissez les langues dans la liste.")
    if any(place.finess and not is_finess(place.finess) for place in row.places):
        raise BadProfessional("Un numéro FINESS est fait de 9 caractères.")


def _search_key(
    professional: Professional, places: Iterable[PlaceRow], names: dict[str, str]
) -> str:
    """Folded words a search looks in; numbers before places, which may be many, then cut."""
    places = list(places)
    phones = {professional.phone, *(_phone(place.phone) for place in places)} - {""}
    words = [fold(f"{professional.family_name} {professional.given_name} {professional.job}")]
    words += [professional.rpps, *sorted(phones)]
    words += sorted({fold(names[place.insee]) for place in places})
    words += sorted({fold(place.name) for place in places} - {""})
    return " ".join(words)[:300]


def _names(insees: Iterable[str]) -> dict[str, str]:
    names = dict(Commune.objects.filter(pk__in=set(insees)).values_list("pk", "name"))
    missing = sorted(set(insees) - set(names))
    if missing:
        raise BadProfessional(f"Code de commune inconnu : {', '.join(missing[:5])}.")
    return names


def _replace_places(wanted: dict[int, Sequence[PlaceRow]]) -> None:
    """Bring the places of each professional (by pk) to these rows.

    A place that is gone is closed, not deleted: slots once given there still say where.
    """
    places = Place.objects.filter(professional__in=wanted)
    held: dict[tuple[int, str, str, str], Place] = {}
    for place in places.order_by(F("closed_on").asc(nulls_first=True), "pk"):
        key = (place.professional_id, place.commune_id, place.name, place.address)
        held.setdefault(key, place)
    # The main place first steps down, or two would stand while the batch is written.
    places.filter(is_main=True).update(is_main=False)
    now_open: list[Place] = []
    for pk, rows in wanted.items():
        for index, row in enumerate(dict.fromkeys(rows)):
            place = held.get((pk, row.insee, row.name, row.address)) or Place(
                professional_id=pk, commune_id=row.insee, name=row.name, address=row.address
            )
            place.phone, place.finess = _phone(row.phone), row.finess
            place.is_main, place.closed_on = index == 0, None
            now_open.append(place)
    kept = [each for each in now_open if each.pk is not None]
    places.filter(closed_on=None).exclude(pk__in=[each.pk for each in kept]).update(
        closed_on=timezone.localdate()
    )
    Place.objects.bulk_create([each for each in now_open if each.pk is None])
    Place.objects.bulk_update(kept, ["phone", "finess", "is_main", "closed_on"])


def _replace_languages(rows: Sequence[ProfessionalRow], by_rpps: dict[str, Professional]) -> None:
    ProfessionalLanguage.objects.filter(professional__in=by_rpps.values()).delete()
    ProfessionalLanguage.objects.bulk_create(
        [
            ProfessionalLanguage(professional=by_rpps[row.rpps], language=language)
            for row in rows
            for language in dict.fromkeys(row.languages)
        ]
    )


def _words_of(professional: Professional, places: Iterable[PlaceRow]) -> set[str]:
    """What the national search finds them by: words of the name, telephones."""
    phones = {professional.phone, *(_phone(place.phone) for place in places)} - {""}
    return name_words(f"{professional.family_name} {professional.given_name}") | phones


def _replace_words(wanted: dict[int, set[str]]) -> None:
    """Bring the search words of each professional (by pk) to these, and file the new ones."""
    held = {
        (pk, word): row
        for row, pk, word in ProfessionalWord.objects.filter(professional__in=wanted).values_list(
            "pk", "professional", "word"
        )
    }
    asked = {(pk, word) for pk, words in wanted.items() for word in words}
    ProfessionalWord.objects.filter(pk__in=[held[each] for each in held.keys() - asked]).delete()
    new = sorted(asked - held.keys())
    ProfessionalWord.objects.bulk_create(
        [ProfessionalWord(professional_id=pk, word=word) for pk, word in new]
    )
    names = {word for _, word in new if not word.isdigit() and not word.startswith("+")}
    # A word is filed whole or not at all: its sound alone says whether it was.
    filed = WordKey.objects.filter(
        key__in={spelling.sound(word)[: spelling.LONG] for word in names}, word__in=names
    )
    names -= set(filed.values_list("word", flat=True))
    WordKey.objects.bulk_create(
        [
            WordKey(key=key, word=word)
            for word in sorted(names)
            for key in sorted(spelling.keys(word))
        ],
        ignore_conflicts=True,
    )


def _bump_desks(professional_ids: Iterable[int]) -> None:
    """Every desk that may be showing them. A national record moves screens outside any scope."""
    with scopes_disabled():
        records = CptsProfessional.objects.filter(professional__in=list(professional_ids))
        shown_by = list(records.values_list("cpts", flat=True).distinct())
    pulse.bump(*shown_by)


def _written(professional: Professional) -> tuple[object, ...]:
    """What a row decides of a record: an unchanged one is not written again."""
    return tuple(getattr(professional, field) for field in (*OWN_FIELDS, "search_key"))


def _write_batch(rows: Sequence[ProfessionalRow]) -> tuple[list[Professional], int]:
    """Create or change the records of a batch, whole; and how many were new."""
    names = _names({place.insee for row in rows for place in row.places})
    known = {
        each.rpps: each
        for each in Professional.objects.select_for_update(of=("self",), no_key=True)
        .filter(rpps__in=[row.rpps for row in rows])
        .order_by("pk")
    }
    before = {rpps: _written(each) for rpps, each in known.items()}
    by_rpps: dict[str, Professional] = {}
    for row in rows:
        professional = known.get(row.rpps) or Professional(rpps=row.rpps)
        for field in OWN_FIELDS:
            setattr(professional, field, getattr(row, field))
        professional.phone = _phone(row.phone)
        professional.search_key = _search_key(professional, row.places, names)
        by_rpps[row.rpps] = professional
    Professional.objects.bulk_create([each for each in by_rpps.values() if each.pk is None])
    changed = [each for rpps, each in known.items() if _written(each) != before[rpps]]
    Professional.objects.bulk_update(changed, [*OWN_FIELDS, "search_key"])
    _replace_places({by_rpps[row.rpps].pk: row.places for row in rows})
    _replace_languages(rows, by_rpps)
    _replace_words({by_rpps[row.rpps].pk: _words_of(by_rpps[row.rpps], row.places) for row in rows})
    return list(by_rpps.values()), len(by_rpps) - len(known)


@transaction.atomic
def record_professionals(*, by: Actor, rows: Iterable[ProfessionalRow]) -> list[Professional]:
    """Create or bring up to date national records, each whole with its places and languages.

    One record per RPPS, the last row wins; returned in the order of first mention. A number whose
    key is wrong is kept and shown with a warning. Raises NotAllowed (somebody else than an import
    on a record already known), BadProfessional.
    """
    rows = list({row.rpps: row for row in rows}.values())
    for row in rows:
        _check(row)
    if not can_record_professional(by, is_known=False):
        raise NotAllowed("Seul un coordinateur ajoute un professionnel à l'annuaire.")
    if not can_record_professional(by, is_known=True):
        known = Professional.objects.filter(rpps__in=[row.rpps for row in rows])
        if known.exists():
            raise NotAllowed(
                "Ce numéro RPPS est déjà connu : ajoutez cette fiche à votre CPTS. "
                "Une fiche nationale n'est pas modifiée par une CPTS."
            )
    recorded: list[Professional] = []
    created = 0
    for start in range(0, len(rows), BATCH):
        batch, new = _write_batch(rows[start : start + BATCH])
        recorded += batch
        created += new
    journal.record(
        "directory.recorded",
        recorded[0] if len(recorded) == 1 else None,
        by=by,
        cpts=by.cpts_id,
        count=len(recorded),
        created=created,
    )
    _bump_desks(each.pk for each in recorded)
    return recorded


@transaction.atomic
def record_professional(*, by: Actor, row: ProfessionalRow) -> Professional:
    """One record: see `record_professionals`."""
    return record_professionals(by=by, rows=[row])[0]


@transaction.atomic
def set_places(*, by: Actor, professional: Professional, places: Sequence[PlaceRow]) -> None:
    """Bring the places of practice to these, the first being the main one; the others are closed.

    Raises NotAllowed, BadProfessional.
    """
    if not can_record_professional(by, is_known=True):
        raise NotAllowed("Une fiche nationale n'est pas modifiée par une CPTS.")
    if any(place.finess and not is_finess(place.finess) for place in places):
        raise BadProfessional("Un numéro FINESS est fait de 9 caractères.")
    names = _names({place.insee for place in places})
    professional = Professional.objects.select_for_update(of=("self",), no_key=True).get(
        pk=professional.pk
    )
    _replace_places({professional.pk: places})
    professional.search_key = _search_key(professional, places, names)
    professional.save(update_fields=["search_key"])
    _replace_words({professional.pk: _words_of(professional, places)})
    journal.record("directory.places_set", professional, by=by, cpts=by.cpts_id, count=len(places))
    _bump_desks([professional.pk])
