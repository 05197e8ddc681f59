"""Residents: written once, looked for before, changed without overwriting a colleague."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, LostUpdate, NotAllowed, Unchanged
from maillage.kernel.identifiers import format_phone, phone_digits
from maillage.kernel.permissions import Actor
from maillage.residents import queries
from maillage.residents.enums import (
    AgreementGiver,
    AgreementMeans,
    InformationMeans,
    SharingScope,
)
from maillage.residents.models import (
    InformationGiven,
    InformationNotice,
    Resident,
    SharingAgreement,
)
from maillage.residents.rules import can_keep_residents, can_set_notice, is_minor, may_agree
from maillage.territory.models import Commune, Cpts

OLDEST_YEARS = 130


class BadResident(DomainError):
    """The record cannot be kept as given: name, birth date or telephone."""


class LikelyDouble(DomainError):
    """Somebody here already has this number or this name: look, then say it is somebody else."""

    def __init__(self, residents: list[Resident]) -> None:
        self.residents = residents
        super().__init__(
            "Une fiche ressemble à celle-ci : ouvrez-la, ou confirmez qu'il s'agit d'une autre "
            "personne."
        )


def _checked(
    *,
    family_name: str,
    given_name: str = "",
    birth_date: dt.date | None = None,
    commune: Commune | None = None,
    phone: str = "",
    email: str = "",
    usual_doctor: Professional | None = None,
) -> dict[str, Any]:
    """Fields ready to be written, or BadResident."""
    family_name, given_name = " ".join(family_name.split()), " ".join(given_name.split())
    if not family_name:
        raise BadResident("Indiquez au moins le nom.")
    today = timezone.localdate()
    if birth_date is not None and not (
        today.year - OLDEST_YEARS <= birth_date.year and birth_date <= today
    ):
        raise BadResident("Cette date de naissance n'est pas possible.")
    if phone.strip() and phone_digits(phone) is None:
        raise BadResident("Ce n'est pas un numéro de téléphone.")
    if usual_doctor is not None and usual_doctor.profession != Profession.DOCTOR:
        raise BadResident("Le médecin traitant est un médecin.")
    return {
        "family_name": family_name,
        "given_name": given_name,
        "birth_date": birth_date,
        "commune": commune,
        "phone": queries.phone_key(phone),
        "email": email.strip(),
        "usual_doctor": usual_doctor,
    }


@transaction.atomic
def record_resident(*, by: Actor, cpts: Cpts, is_sure: bool = False, **identity: Any) -> Resident:
    """Write a resident of the CPTS (`identity`: the fields of the record, see `_checked`).

    Raises NotAllowed, BadResident, and LikelyDouble unless `is_sure`: search before create.
    """
    if not can_keep_residents(by, cpts):
        raise NotAllowed("Seule la régulation de la CPTS écrit une fiche d'habitant.")
    fields = _checked(**identity)
    if not is_sure:
        # Held, so that two operators writing the same caller see each other.
        Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
        doubles = list(
            queries.find(
                by,
                cpts,
                **{
                    name: fields[name]
                    for name in ("phone", "family_name", "given_name", "birth_date", "commune")
                },
            )
        )
        if doubles:
            raise LikelyDouble(doubles)
    resident = Resident.objects.create(cpts=cpts, **fields)
    journal.record("resident.recorded", resident, by=by, cpts=cpts, is_sure=is_sure)
    pulse.bump(cpts.pk)
    return resident


def _shown(name: str, value: Any) -> str:
    if value in (None, ""):
        return "vide"
    if name == "phone":
        return format_phone(value)
    return f"{value:%d/%m/%Y}" if isinstance(value, dt.date) else str(value)


def _differences(resident: Resident, fields: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            str(Resident._meta.get_field(name).verbose_name).capitalize(),
            _shown(name, getattr(resident, name)),
            _shown(name, value),
        )
        for name, value in fields.items()
        if getattr(resident, name) != value
    ]


@transaction.atomic
def change_resident(*, by: Actor, resident: Resident, version: int, **identity: Any) -> Resident:
    """Write the whole record again, from the `version` the person had read.

    Raises NotAllowed, BadResident, LostUpdate (somebody wrote something else since).
    """
    if not can_keep_residents(by, resident.cpts_id):
        raise NotAllowed("Seule la régulation de la CPTS change une fiche d'habitant.")
    fields = _checked(**identity)
    resident = (
        Resident.objects.select_for_update(of=("self",))
        .select_related("commune", "usual_doctor")
        .get(pk=resident.pk)
    )
    differences = _differences(resident, fields)
    if not differences:
        return resident
    if resident.version != version:
        raise LostUpdate(resident.version, differences)
    for name, value in fields.items():
        setattr(resident, name, value)
    resident.version += 1
    resident.save()
    journal.record(
        "resident.changed", resident, by=by, cpts=resident.cpts_id, version=resident.version
    )
    pulse.bump(resident.cpts_id)
    return resident


# What a person was told, and what they agreed to


class BadConsent(DomainError):
    """The agreement or the information cannot be kept as given."""


@transaction.atomic
def record_agreement(
    *,
    by: Actor,
    cpts: Cpts,
    resident: Resident | None,
    giver: str,
    scope: str = SharingScope.CPTS,
    means: str = AgreementMeans.SPOKEN,
    for_a_minor: bool = False,
) -> SharingAgreement:
    """Keep that somebody agreed to share. `for_a_minor`: what the caller said of the age.

    Raises NotAllowed, BadConsent (an unknown word; a minor's agreement given by somebody else than
    a parent or a legal representative).
    """
    if not can_keep_residents(by, cpts) or by.seat_id is None:
        raise NotAllowed("L'accord est recueilli par une personne de la régulation.")
    if giver not in AgreementGiver.values:
        raise BadConsent("Indiquez qui a donné son accord.")
    if scope not in SharingScope.values or means not in AgreementMeans.values:
        raise BadConsent("Indiquez avec qui le partage est accepté, et comment.")
    born = resident.birth_date if resident is not None else None
    if not may_agree(giver, for_a_minor=for_a_minor or is_minor(born, timezone.localdate())):
        raise BadConsent(
            "Le patient est mineur : l'accord est donné par un parent ou par son représentant légal."
        )
    agreement = SharingAgreement.objects.create(
        cpts=cpts,
        resident=resident,
        giver=giver,
        scope=scope,
        means=means,
        given_at=timezone.now(),
        collected_by_id=by.seat_id,
    )
    journal.record(
        "resident.agreed", agreement, by=by, cpts=cpts, giver=giver, scope=scope, means=means
    )
    return agreement


@transaction.atomic
def end_agreement(*, by: Actor, agreement: SharingAgreement) -> SharingAgreement:
    """The agreement is taken back; twice counts once. What was shared under it closes with
    `snp.withdraw_sharing`. Raises NotAllowed."""
    if not can_keep_residents(by, agreement.cpts_id) or by.seat_id is None:
        raise NotAllowed("Le retrait d'un accord est noté par une personne de la régulation.")
    agreement = SharingAgreement.objects.select_for_update(of=("self",)).get(pk=agreement.pk)
    if agreement.withdrawn_at is None:
        agreement.withdrawn_at = timezone.now()
        agreement.withdrawn_by_id = by.seat_id
        agreement.save(update_fields=["withdrawn_at", "withdrawn_by"])
        journal.record("resident.agreement_withdrawn", agreement, by=by, cpts=agreement.cpts_id)
    return agreement


@transaction.atomic
def record_information(
    *, by: Actor, cpts: Cpts, resident: Resident | None, means: str
) -> InformationGiven:
    """Keep that the notice in force was given. Raises NotAllowed, BadConsent (no text in force)."""
    if not can_keep_residents(by, cpts):
        raise NotAllowed("L'information est notée par une personne de la régulation.")
    if means not in InformationMeans.values:
        raise BadConsent("Indiquez comment l'information a été donnée.")
    notice = queries.notice_of(cpts)
    if notice is None:
        raise BadConsent(
            "Aucun texte d'information n'est en service : un administrateur l'écrit dans "
            "« Information des habitants »."
        )
    given = InformationGiven.objects.create(
        cpts=cpts,
        resident=resident,
        notice=notice,
        means=means,
        given_at=timezone.now(),
        given_by_id=by.seat_id,
    )
    journal.record(
        "resident.informed", given, by=by, cpts=cpts, version=notice.version, means=means
    )
    return given


@transaction.atomic
def bind_consent(
    *,
    by: Actor,
    resident: Resident,
    agreement: SharingAgreement | None,
    information: InformationGiven | None,
) -> None:
    """What was given for somebody not named yet is theirs, now that they are. Raises NotAllowed."""
    if not can_keep_residents(by, resident.cpts_id):
        raise NotAllowed("Seule la régulation de la CPTS change une fiche d'habitant.")
    for each in (agreement, information):
        if each is not None and each.resident_id is None:
            each.resident = resident
            each.save(update_fields=["resident"])


@transaction.atomic
def set_notice(
    *, by: Actor, cpts: Cpts, text: str, valid_from: dt.datetime | None = None
) -> InformationNotice:
    """Put a new version of the notice in force, from now or later; the old ones stay readable.

    Raises NotAllowed, BadConsent (empty, or a date already past), Unchanged (that text is in force,
    or waits for that date).
    """
    if not can_set_notice(by, cpts):
        raise NotAllowed("Seul un administrateur change le texte d'information.")
    now = timezone.now()
    text = text.strip()
    if not text:
        raise BadConsent("Écrivez le texte lu ou remis aux habitants.")
    if valid_from is not None and valid_from < now:
        raise BadConsent("Cette date est déjà passée : un texte ne s'applique pas au passé.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    same = queries.notice_from(cpts, valid_from)
    if same is not None and same.text == text:
        raise Unchanged(f"Rien ne change : ce texte est déjà enregistré (version {same.version}).")
    notice = InformationNotice.objects.create(
        cpts=cpts,
        version=(queries.last_version(cpts) or 0) + 1,
        text=text,
        valid_from=valid_from or now,
        set_by_id=by.seat_id,
    )
    journal.record("resident.notice_set", notice, by=by, cpts=cpts, version=notice.version)
    pulse.bump(cpts.pk)
    return notice
