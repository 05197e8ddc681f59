"""R1: on PostgreSQL the database itself keeps the CPTSs apart, whatever the code asks of it."""

import ast
from contextlib import suppress
from contextvars import Context
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, ProgrammingError, connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import isolate_apps
from django_scopes import scope, scopes_disabled

import walls
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat
from maillage.kernel import row_security, tenancy
from maillage.kernel.models import AGREEMENT, NATIONAL, OF_CPTS, TECHNICAL, JournalLine
from maillage.kernel.postgresql.base import DatabaseWrapper
from maillage.residents.models import Resident
from people import make_cpts, make_seat
from trusted import evidence

SRC = Path(__file__).parents[2] / "src" / "maillage"
TOLD = "SELECT current_setting('maillage.cpts')"
postgres = pytest.mark.skipif(
    settings.OWNER_DATABASE is None, reason="a wall of PostgreSQL, between two roles"
)
GUARDED = [each for each in row_security.ours() if each.tenancy in {OF_CPTS, AGREEMENT}]
# Tables that name a CPTS and are everybody's, each with its reason.
EVERYBODY_S = {
    "availability.Booking": "every CPTS counts the places left; it says nothing of whom it is for",
    "availability.CptsVisibility": "what a professional gives to whom, theirs to change from anywhere",
    "availability.FreeSlot": "where a slot is searched from; each row shown is read again",
    "territory.CptsCommune": "the communes of a CPTS are published",
    "rights.RetentionRule": "how long the country keeps, or a CPTS instead: durations, nobody's data",
    "kernel.Pulse": "a counter, moved by national records too",
}
# Who may stand beyond every CPTS, and why.
BEYOND = {
    "accounts/actions/notices.py": "one sender for every CPTS",
    "accounts/queries.py": "a person's own seats, from which the scope is opened; the sender; the demo",
    "availability/queries/people.py": "the CPTSs that hold a professional: their own rows, names only",
    "directory/actions/professionals.py": "a national record moves every desk that shows it",
    "directory/queries/structures.py": "one's own seats only",
    "home/management/commands/journal.py": "verifies the chain of every CPTS, and the platform's",
    "home/management/commands/keys.py": "the keys of every sealed value turn together",
    "home/management/commands/serve.py": "tries the newest sealed value with the keys given",
    "kernel/sealing.py": "the keys of every sealed value turn together",
    "rights/queries/held.py": "all that is held on a person, wherever it is",
    "kernel/row_security.py": "the owner: migrations and copies",
    "kernel/tenancy.py": "says what it is",
    "rights/actions/purge.py": "in the scope of the CPTS, by models found from the classes",
    "rights/management/commands/purge.py": "what belongs to no CPTS",
    "rights/queries/due.py": "in the scope of the CPTS, by models found from the classes",
    "snp/models/desk.py": "a later list of the same CPTS, in its scope",
    "snp/queries/clock.py": "what time has made due, CPTS by CPTS",
    "snp/queries/fees.py": "a doctor's own count of the week",
}


def rows(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def count(table="accounts_seat"):
    return rows(f"SELECT count(*) FROM {table}")[0][0]


@pytest.fixture
def as_served():
    """What a test does from here on, it does as a request would: by no hand."""
    token = walls.BY_HAND.set(False)
    yield
    walls.BY_HAND.reset(token)


@pytest.fixture
def two(db):
    """Two CPTSs, a person of each role and one resident in each."""
    found = []
    for slug in ("une", "autre"):
        cpts = make_cpts(slug)
        with scope(cpts=cpts):
            for role in Role:
                make_seat(cpts, role)
            Resident.objects.create(cpts=cpts, family_name=f"Fictif {slug}", given_name="Ada")
        found.append(cpts)
    return found


# The catalogue


def unguarded(guarded=None):
    """Tables whose wall is missing, as the catalogue of the database tells it."""
    told = rows(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd,"
        " p.polpermissive, pg_get_expr(p.polqual, p.polrelid),"
        " pg_get_expr(p.polwithcheck, p.polrelid)"
        " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    )
    wrong = []
    for model in guarded or GUARDED:
        policies = [each for each in told if each[0] == model._meta.db_table]
        good = len(policies) == 1 and all(
            enabled and forced and command == "*" and permissive and read and read == write
            for _, enabled, forced, _, command, permissive, read, write in policies
        )
        if not good:
            wrong.append(model._meta.label)
    return wrong


@postgres
@pytest.mark.django_db
def test_every_table_of_a_cpts_holds_its_wall():
    assert not unguarded()
    assert len(GUARDED) >= 25
    evidence("R1", "tables de CPTS sous politique, forcée", f"{len(GUARDED)}/{len(GUARDED)}")


@postgres
@pytest.mark.django_db
def test_the_catalogue_sees_a_table_without_its_wall():
    with owner() as each:
        each.execute("ALTER TABLE residents_resident NO FORCE ROW LEVEL SECURITY")
        try:
            assert unguarded() == ["residents.Resident"]
            each.execute("ALTER TABLE residents_resident FORCE ROW LEVEL SECURITY")
            each.execute("CREATE POLICY all_of_it ON residents_resident USING (true)")
            assert unguarded() == [
                "residents.Resident"
            ]  # a second policy opens what the first closed
        finally:
            each.execute("ALTER TABLE residents_resident FORCE ROW LEVEL SECURITY")
            each.execute("DROP POLICY IF EXISTS all_of_it ON residents_resident")
    assert not unguarded()


def owner():
    return walls.owner_connection(autocommit=True)


@pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
def test_a_wall_is_written_from_the_model(model):
    said = row_security.condition(model)
    assert said is not None
    assert "maillage.cpts" in said or "SELECT id FROM snp_agreement" in said


@isolate_apps("maillage.kernel")
def test_a_new_table_without_class_or_side_is_refused():
    class Forgotten(models.Model):
        class Meta:
            app_label = "kernel"

    class OneSided(models.Model):
        tenancy = AGREEMENT

        class Meta:
            app_label = "kernel"

    for each in (Forgotten, OneSided):
        with pytest.raises(ImproperlyConfigured):
            row_security.condition(each)


def test_what_names_a_cpts_is_guarded_or_says_why_not():
    open_to_all = {
        each._meta.label
        for each in row_security.ours()
        if each.tenancy in {NATIONAL, TECHNICAL}
        and any(field.column == "cpts_id" for field in each._meta.concrete_fields)
    }
    assert open_to_all <= set(EVERYBODY_S), open_to_all - set(EVERYBODY_S)


@postgres
@pytest.mark.django_db
def test_every_table_of_the_database_is_a_known_one():
    known = {each._meta.db_table for each in apps.get_models(include_auto_created=True)}
    told = rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'f', 'm', 'v')"
    )
    assert {name for (name,) in told} == known | {"django_migrations"}


@postgres
@pytest.mark.django_db
def test_the_role_that_serves_owns_nothing_and_overrides_nothing():
    assert row_security.weaknesses() == []
    assert rows("SELECT current_user") == [(settings.APPLICATION_ROLE,)]
    assert rows("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == [(0,)]
    assert not rows(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    journal, ordinary = (
        [
            privilege
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
            if rows("SELECT has_table_privilege(%s, %s)", table, privilege) == [(True,)]
        ]
        for table in (JournalLine._meta.db_table, "residents_resident")
    )
    assert journal == ["SELECT", "INSERT", "DELETE"]  # only what is sealed leaves: a trigger
    assert ordinary == ["SELECT", "INSERT", "UPDATE", "DELETE"]


@postgres
@pytest.mark.django_db(transaction=True)
def test_an_owner_is_no_role_to_serve():
    with row_security.as_owner():
        assert any("propriétaire" in each for each in row_security.weaknesses())
    assert row_security.weaknesses() == []
    with owner() as each:
        each.execute("ALTER TABLE residents_resident DISABLE ROW LEVEL SECURITY")
        try:
            assert any("residents_resident" in each for each in row_security.weaknesses())
        finally:
            each.execute("ALTER TABLE residents_resident ENABLE ROW LEVEL SECURITY")


# What a connection reaches


@postgres
def test_without_a_scope_no_row(two, as_served):
    for model in GUARDED:
        assert count(model._meta.db_table) == 0
    assert not Seat.objects.exists()
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Notice.objects.create(cpts=two[0], key="k", next_try_at="2026-11-22T00:00Z")
    evidence("R1", "tables de CPTS lues sans périmètre ouvert : lignes vues", 0)


@postgres
def test_raw_sql_reaches_the_rows_of_the_scope_and_no_other(two, as_served):
    own, other = two
    with scope(cpts=own):
        assert count() == len(Role)
        assert rows("SELECT DISTINCT cpts_id FROM accounts_seat") == [(own.pk,)]
        assert rows("SELECT cpts_id FROM residents_resident") == [(own.pk,)]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE residents_resident SET given_name = 'x' WHERE cpts_id = %s", [other.pk]
            )
            assert cursor.rowcount == 0
            cursor.execute("DELETE FROM residents_resident WHERE cpts_id = %s", [other.pk])
            assert cursor.rowcount == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Seat.objects.create(cpts=other, user=Seat.objects.first().user, role=Role.READER)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Resident._base_manager.filter(cpts=own).update(cpts=other)  # carried next door
    with scopes_disabled():
        assert count() == 2 * len(Role)
        assert not rows("SELECT 1 FROM residents_resident WHERE given_name = 'x'")


@postgres
def test_a_row_of_no_cpts_is_reached_beyond_them_only(two, as_served):
    with tenancy.inside(None):
        Notice.objects.create(key="k", channel="mail", next_try_at="2026-11-22T00:00Z")
        assert count("accounts_notice") == 1
    with tenancy.inside(two[0]):
        assert count("accounts_notice") == 0
    assert count("accounts_notice") == 0


def follow_through_a_rollback(own, other):
    """A rollback brings back what the server was told before: it must be told again."""
    seen = []
    with scope(cpts=own):
        assert count() == len(Role)
        for _ in range(2):
            with suppress(ProgrammingError), transaction.atomic(), scope(cpts=other):
                seen.append(rows("SELECT DISTINCT cpts_id FROM accounts_seat"))
                rows("SELECT nothing_of_the_kind")
            with scope(cpts=other):
                seen.append(rows("SELECT DISTINCT cpts_id FROM accounts_seat"))
            seen.append(rows("SELECT DISTINCT cpts_id FROM accounts_seat"))
    assert seen == [[(each.pk,)] for each in (other, other, own) * 2]
    assert count() == 0


@postgres
def test_the_connection_follows_through_a_rollback(two, as_served):
    follow_through_a_rollback(*two)


@postgres
def test_after_an_error_the_scope_is_told_again(two, as_served):
    own, other = two
    with transaction.atomic():
        with scope(cpts=other), pytest.raises(ProgrammingError), transaction.atomic():
            rows("SELECT nothing_of_the_kind")
        with scope(cpts=own):
            assert rows("SELECT DISTINCT cpts_id FROM accounts_seat") == [(own.pk,)]


@postgres
@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_on_a_connection(as_served):
    cpts = make_cpts("une")
    make_seat(cpts)
    with scope(cpts=cpts), transaction.atomic():
        assert count() == 1
    assert count() == 0  # after COMMIT, on the same connection
    with scope(cpts=cpts):
        try:
            with transaction.atomic():
                assert count() == 1
                raise KeyError
        except KeyError:
            pass
        assert count() == 1  # after ROLLBACK, which took back what was told
    assert count() == 0
    with scope(cpts=cpts):
        assert count() == 1
    connection.close()
    assert count() == 0  # on the next connection
    assert rows("SELECT current_setting('maillage.cpts')") == [("",)]
    with scope(cpts=cpts):
        assert Context().run(count) == 0  # the next request of the same thread
        with connection.cursor() as opened_before:
            with scopes_disabled():
                opened_before.execute("SELECT count(*) FROM accounts_seat")
            opened_before.execute("SELECT current_setting('maillage.cpts')")
            assert opened_before.fetchone() == (str(cpts.pk),)


@postgres
@pytest.mark.django_db
def test_a_scope_goes_with_the_statement_that_reads_in_it(as_served):
    cpts = make_cpts("une")
    before = rows("SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, '100 %%', %s", ["a;b", 2])
        with scope(cpts=cpts):
            cursor.execute("SELECT %s, '100 %%', %s", ["a;b", 2])  # the scope is told here
            assert cursor.fetchall() == [("a;b", "100 %", 2)] and cursor.rowcount == 1
            assert [each.name for each in cursor.description][0] == "?column?"
            assert rows(TOLD)[0][0] == str(cpts.pk)
        with scopes_disabled():
            cursor.execute("SELECT '100 %' UNION ALL SELECT 'b'")
            assert cursor.fetchall() == [("100 %",), ("b",)]
            assert rows(TOLD)[0][0] == "*"
    assert rows(TOLD)[0][0] == "" and before == [(1,)]


@postgres
@pytest.mark.django_db(transaction=True)
def test_a_scope_told_with_a_statement_that_fails_is_told_again(as_served):
    cpts = make_cpts("une")
    with scope(cpts=cpts):
        with pytest.raises(DataError), transaction.atomic():
            rows("SELECT 1 / 0")
        assert rows(TOLD)[0][0] == str(cpts.pk)
    with scopes_disabled(), pytest.raises(DataError):
        rows("SELECT 1 / 0")  # its message took back what it told
    assert rows(TOLD)[0][0] == ""
    with scope(cpts=cpts), pytest.raises(DataError):
        rows("SELECT 1 / 0")
    with scope(cpts=cpts):
        assert rows(TOLD)[0][0] == str(cpts.pk)


def seen_after_a_rollback(cpts):
    """What is seen in a scope whose transaction, which told it to the server, was undone."""
    assert count() == 0
    with scope(cpts=cpts):
        with suppress(KeyError), transaction.atomic():
            assert count() == 1
            raise KeyError
        return count()


@postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_does_not_follow_is_seen(as_served, monkeypatch):
    """The seeded fault: what was told is thought known after a rollback took it back."""
    cpts = make_cpts("une")
    make_seat(cpts)
    assert seen_after_a_rollback(cpts) == 1
    monkeypatch.setattr(DatabaseWrapper, "_rollback", BaseDatabaseWrapper._rollback)
    assert seen_after_a_rollback(cpts) == 0


# Who stands beyond


def test_who_stands_beyond_every_cpts_is_on_the_list():
    """`scopes_disabled` and managers that know no scope: each place has its reason."""
    found = set()
    for path in SRC.rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in {"scopes_disabled", "_base_manager", "with_scopes_disabled"}:
                found.add(str(path.relative_to(SRC)))
    assert found == set(BEYOND), found ^ set(BEYOND)
