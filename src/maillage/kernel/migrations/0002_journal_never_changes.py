"""Lines of the journal are appended, never changed: a trigger refuses it on both engines."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON kernel_journalline
BEGIN SELECT RAISE(ABORT, 'a line of the journal is never changed'); END
"""
POSTGRES = """
CREATE FUNCTION journal_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a line of the journal is never changed'; END $$;
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON kernel_journalline
FOR EACH ROW EXECUTE FUNCTION journal_never_changes()
"""


def guard(apps, schema_editor):
    schema_editor.execute(POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE)


def release(apps, schema_editor):
    schema_editor.execute(
        "DROP FUNCTION journal_never_changes() CASCADE"
        if schema_editor.connection.vendor == "postgresql"
        else "DROP TRIGGER journal_never_changes"
    )


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]

    operations = [migrations.RunPython(guard, release)]
