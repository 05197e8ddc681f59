"""G24: nothing of a resident stands in clear on a disk; what is sealed opens at its place only."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection, transaction
from django_scopes import scope, scopes_disabled

from maillage.accounts import actions as accounts
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.kernel import crypto, fields, sealing
from maillage.residents.actions import record_resident
from maillage.residents.models import Resident
from people import actor_as, make_cpts
from trusted import evidence

pytestmark = pytest.mark.django_db
BORN = dt.date(1950, 2, 1)


@pytest.fixture(autouse=True)
def _fresh_keys():
    crypto.forget_keys()
    yield
    crypto.forget_keys()


@pytest.fixture
def key_file(tmp_path, settings):
    """A file of keys; written again by hand as an operator would."""
    settings.KEY_FILE = tmp_path / "keys"
    call_command("keys", "new", verbosity=0)
    return settings.KEY_FILE


@pytest.fixture
def cpts():
    return make_cpts()


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


def record(cpts, **said):
    said = {"family_name": "Lemaître"} | said
    with scope(cpts=cpts):
        return record_resident(by=SYSTEM, cpts=cpts, is_sure=True, **said)


def raw(row, column):
    """What the table holds, as the database says it."""
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def write_raw(row, column, value):
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, row.pk])


def again(row):
    return type(row)._base_manager.get(pk=row.pk)


# One value


def test_a_value_opens_at_its_place_only():
    sealed = crypto.seal("Lemaître", aad="t|c|1|2")
    assert sealed.isascii() and crypto.is_sealed(sealed) and "Lema" not in sealed
    assert crypto.open_sealed(sealed, aad="t|c|1|2") == "Lemaître"
    assert crypto.seal("Lemaître", aad="t|c|1|2") != sealed
    for place in ("t|c|1|3", "t|c|2|2", "t|d|1|2", "u|c|1|2", ""):
        with pytest.raises(crypto.Altered):
            crypto.open_sealed(sealed, aad=place)
    for changed in (sealed[:-2], sealed[:9] + "A" + sealed[10:], "rien", "demo.", "demo.AAAA", ""):
        with pytest.raises((crypto.Altered, crypto.LostKey)):
            crypto.open_sealed(changed if changed != sealed else "", aad="t|c|1|2")


def test_uses_of_a_key_have_nothing_in_common():
    assert len({crypto.derived(use) for use in (b"journal", b"seal", b"backup")}) == 3
    assert crypto.derived(b"journal") == crypto.derived(b"journal", crypto.current_key())
    hashes = {
        crypto.keyed_hash("0639980001", purpose=purpose, cpts=cpts)
        for purpose in ("a", "b")
        for cpts in (1, 2)
    }
    assert len(hashes) == 4 and crypto.keyed_hash("", purpose="a", cpts=1) == ""


@pytest.mark.parametrize(
    "text",
    ["", "# rien\n", "k1:court", "K1:" + "A" * 43 + "=", "k1:é", "k1" + "A" * 44, "k1:{0} k1:{0}"],
)
def test_a_bad_file_of_keys_is_told(text):
    with pytest.raises(crypto.BadKeys):
        crypto.parse_keys(text.format(crypto.new_key()))


def test_ids_grow_and_fit():
    ids = [fields.opaque_id() for _ in range(5000)]
    assert ids == sorted(set(ids)) and 0 < ids[-1] < 2**63
    assert len({each % 1000 for each in ids}) > 500


# Columns


def test_a_row_is_sealed_in_its_table_and_read_as_before(cpts):
    one = record(cpts, given_name="Léa", birth_date=BORN, phone="0639980001", email="l@b.example")
    read = again(one)
    assert (read.family_name, read.given_name, read.birth_date) == ("Lemaître", "Léa", BORN)
    assert (read.phone, read.email) == ("0639980001", "l@b.example")
    for column in ("family_name", "given_name", "birth_date", "phone", "email"):
        assert crypto.is_sealed(raw(one, column))
    assert raw(record(cpts), "phone") == "" and raw(record(cpts), "birth_date") is None


def test_a_sealed_column_is_neither_compared_nor_written_in_clear_nor_shown_closed(cpts):
    one = record(cpts, phone="0639980001")
    rows = Resident._base_manager
    for look in ({"phone": "0639980001"}, {"phone__contains": "06"}, {"family_name__lt": "M"}):
        with pytest.raises((FieldError, NotImplementedError)):
            list(rows.filter(**look))
    with pytest.raises(FieldError), transaction.atomic():
        rows.update(phone="0639980002")
    with pytest.raises(ValueError, match="80"), transaction.atomic():
        record(cpts, family_name="x" * 81)
    (row,) = rows.filter(pk=one.pk).values("phone")
    with pytest.raises(TypeError):
        str(row["phone"])
    assert fields.opened(row["phone"], pk=one.pk, cpts_id=cpts.pk) == "0639980001"
    assert rows.exclude(phone="").get().pk == one.pk


def test_an_untouched_value_is_written_back_as_it_was(cpts):
    one = record(cpts, phone="0639980001")
    before, read = raw(one, "phone"), again(one)
    read.version += 1
    read.save()
    assert raw(one, "family_name") != "" and again(one).phone == "0639980001"
    assert crypto.open_sealed(before, aad=f"residents_resident|phone|{one.pk}|{cpts.pk}")


def moved_values(cpts):
    """(what moves, row that receives it, its column): another row, column, CPTS, table."""
    one, two = record(cpts, phone="0639980001"), record(cpts, phone="0639980002")
    other = record(make_cpts("autre"), phone="0639980003")
    notice = accounts.queue_notice(
        by=SYSTEM, cpts=cpts, channel="sms", recipient="0639980004", key="k", body="texte"
    )
    yield raw(two, "phone"), one, "phone"
    yield raw(one, "family_name"), one, "given_name"
    yield raw(other, "phone"), one, "phone"
    yield raw(notice, "recipient"), one, "email"
    yield raw(one, "phone"), notice, "body"


def test_a_moved_value_is_refused_everywhere(cpts, client):
    found = 0
    for value, row, column in moved_values(cpts):
        held = raw(row, column)
        write_raw(row, column, value)
        with pytest.raises(crypto.Altered, match="déplacée"):
            getattr(again(row), column)
        with scopes_disabled():
            wrong = sealing.check().wrong
        assert f"{row._meta.db_table}|{column}|{row.pk} : Altered" in wrong
        write_raw(row, column, held)
        found += 1
    evidence("G24", "values moved to another row, column, table or CPTS, refused", found)


def test_another_cpts_on_the_row_is_refused(cpts):
    """A row carried to the neighbour by its column alone does not open there."""
    one = record(cpts)
    write_raw(one, "cpts_id", make_cpts("autre").pk)
    with pytest.raises(crypto.Altered):
        again(one).family_name  # noqa: B018


def test_without_the_place_in_the_seal_a_move_would_pass(cpts, monkeypatch):
    """The fault that the tests above must see: the associated data forgotten."""
    monkeypatch.setattr(fields.SealedTextField, "place", lambda self, pk, cpts_id: "")
    one, two = record(cpts, phone="0639980001"), record(cpts, phone="0639980002")
    write_raw(one, "phone", raw(two, "phone"))
    assert again(one).phone == "0639980002"


# What was there before the seals

BEFORE = """
import datetime as dt
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_scopes import scopes_disabled

loader = MigrationExecutor(connection).loader
old = [
    next(d for d in loader.get_migration(*key).dependencies if d[0] == key[0])
    for key in loader.graph.nodes if key[1].endswith("_seal_columns")
]
assert len(old) == 3
executor = MigrationExecutor(connection)
executor.migrate(old)
get = executor.loader.project_state(old).apps.get_model
cpts = get("territory", "Cpts").objects.create(slug="a", name="A")
commune = get("territory", "Commune").objects.create(insee="71306", name="Montceau", name_key="m")
now = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
Resident = get("residents", "Resident")
for n in range(1203):
    Resident._base_manager.create(
        cpts=cpts, family_name=f"Canari{n}", given_name="Canarienne", phone=f"06{n:08}",
        birth_date=dt.date(1950, 2, 1), phone_key=f"06{n:08}",
        name_birth_key=f"canari{n}|1950-02-01",
    )
request = get("snp", "CareRequest")._base_manager.create(
    cpts=cpts, number=1, form_key="k", received_at=now, channel="patient", reason="fever",
    age_band="16-69", commune=commune, phone="0611111111", note="Canarinote",
    flags_checked_at=now, status="cancelled", cancelled_by="patient", closed_at=now,
)
get("snp", "CareRequestEvent")._base_manager.create(
    cpts=cpts, care_request=request, at=now, kind="created", by_kind="seat", text="Canaritexte",
    status="new", circle="cpts",
)
get("snp", "HandOver")._base_manager.create(cpts=cpts, care_request=request, at=now)
get("accounts", "Notice").objects.create(
    key="k", channel="sms", recipient="0611111111", body="Canaribody", next_try_at=now
)
call_command("migrate", verbosity=0)

from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.kernel import sealing
from maillage.residents.models import Resident
from maillage.residents.queries import find
from maillage.snp.models import CareRequest
from maillage.snp.queries.board import hashes_of
from maillage.territory.models import Cpts

with scopes_disabled():
    found = sealing.check()
    assert not found.wrong and found.values == 1203 * 6 + 3 + 1 + 2, found.values
    one = CareRequest.objects.get()
    assert (one.phone, one.note) == ("0611111111", "Canarinote")
    assert one.phone_key in hashes_of(CareRequest, "phone_key", one.phone, one.cpts_id)
    assert Notice.objects.get().body == "Canaribody"
    cpts = Cpts.objects.get()
    alike = find(SYSTEM, cpts, family_name="Canari7", birth_date=dt.date(1950, 2, 1))
    assert [each.phone for each in alike] == ["0600000007"], alike
    assert Resident.objects.create(cpts=cpts, family_name="Neuf").pk > alike[0].pk
connection.close()
"""


def child(script, **variables):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "maillage.config.settings"} | variables
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)


def clear_in(folder, *words):
    """Which words stand in the files of a folder, as they are or in UTF-16."""
    held = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
    return [word for word in words if word.encode() in held or word.encode("utf-16-le") in held]


def test_what_was_there_is_sealed_and_its_old_pages_are_emptied(tmp_path):
    child(BEFORE, VAR=str(tmp_path), MAILLAGE_DATABASE_URL="")
    assert (tmp_path / "maillage.sqlite3").stat().st_size > 200_000
    assert clear_in(tmp_path, "Canari", "canari", "0611111111", "1950-02-01") == []
