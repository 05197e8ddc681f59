"""The head of a chain follows its last line by itself: one statement less for each act.

As the guards of 0006, made again by a later migration that alters kernel_journalline.
"""

from django.db import migrations

MOVE = """
INSERT INTO kernel_journalhead (chain, number, hmac)
VALUES (COALESCE(NEW.cpts_id, 0), NEW.number, NEW.hmac)
ON CONFLICT (chain) DO UPDATE SET number = excluded.number, hmac = excluded.hmac
"""
SQLITE = f"CREATE TRIGGER journal_head_follows AFTER INSERT ON kernel_journalline BEGIN {MOVE}; END"
POSTGRES = f"""
CREATE FUNCTION journal_head_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {MOVE}; RETURN NULL; END $$;
CREATE TRIGGER journal_head_follows AFTER INSERT ON kernel_journalline
FOR EACH ROW EXECUTE FUNCTION journal_head_follows()
"""
OFF = {
    "sqlite": "DROP TRIGGER IF EXISTS journal_head_follows",
    "postgresql": "DROP FUNCTION IF EXISTS journal_head_follows() CASCADE",
}


def follow(apps, schema_editor):
    schema_editor.execute(POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE)


def release(apps, schema_editor):
    schema_editor.execute(OFF[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    dependencies = [("kernel", "0006_journal_guard")]

    operations = [migrations.RunPython(follow, release)]
