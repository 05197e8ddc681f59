"""What the database holds of the journal: one number once, no line changed, none deleted but those
that a seal replaced.

On SQLite a table that is altered is made again without its triggers: a later migration of
kernel_journalline calls `release` first and `guard` last.
"""

from django.db import migrations, models
from django.db.models import F, Q

SQLITE = (
    """
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON kernel_journalline
BEGIN SELECT RAISE(ABORT, 'a line of the journal is never changed'); END
""",
    """
CREATE TRIGGER journal_never_deleted BEFORE DELETE ON kernel_journalline
WHEN NOT EXISTS (SELECT 1 FROM kernel_journalline AS seal
  WHERE seal.cpts_id IS OLD.cpts_id AND seal.kind = 'seal' AND seal.sealed_through >= OLD.number)
BEGIN SELECT RAISE(ABORT, 'a line of the journal is deleted only once sealed'); END
""",
)
POSTGRES = (
    """
CREATE FUNCTION journal_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a line of the journal is never changed'; END $$;
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON kernel_journalline
FOR EACH ROW EXECUTE FUNCTION journal_never_changes();
CREATE TRIGGER journal_never_emptied BEFORE TRUNCATE ON kernel_journalline
FOR EACH STATEMENT EXECUTE FUNCTION journal_never_changes()
""",
    """
CREATE FUNCTION journal_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM kernel_journalline AS seal
    WHERE seal.cpts_id IS NOT DISTINCT FROM OLD.cpts_id
      AND seal.kind = 'seal' AND seal.sealed_through >= OLD.number)
  THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'a line of the journal is deleted only once sealed';
END $$;
CREATE TRIGGER journal_never_deleted BEFORE DELETE ON kernel_journalline
FOR EACH ROW EXECUTE FUNCTION journal_never_deleted()
""",
)
OFF = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS journal_never_changes",
        "DROP TRIGGER IF EXISTS journal_never_deleted",
    ),
    "postgresql": (
        "DROP FUNCTION IF EXISTS journal_never_changes() CASCADE",
        "DROP FUNCTION IF EXISTS journal_never_deleted() CASCADE",
    ),
}


def guard(apps, schema_editor):
    for each in POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(each)


def release(apps, schema_editor):
    for each in OFF[schema_editor.connection.vendor]:
        schema_editor.execute(each)


class Migration(migrations.Migration):
    dependencies = [("kernel", "0005_chain_old_lines")]

    operations = [
        migrations.RemoveConstraint("journalline", "journal_kind_is_known"),
        migrations.RemoveConstraint("journalline", "journal_read_says_why"),
        migrations.RemoveIndex("journalline", "journal_recent_reads"),
        migrations.AlterField(
            "journalline",
            "number",
            models.PositiveBigIntegerField(verbose_name="numéro dans la chaîne"),
        ),
        migrations.AlterField(
            "journalline",
            "kind",
            models.CharField(
                choices=[
                    ("write", "acte"),
                    ("read", "consultation"),
                    ("refusal", "accès refusé"),
                    ("seal", "scellement"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            "journalline",
            models.Index(
                condition=Q(kind__in=["read", "refusal"]),
                fields=["cpts_id", "seat_id", "action", "-at"],
                name="journal_recent_reads",
            ),
        ),
        migrations.AddIndex(
            "journalline",
            models.Index(
                condition=Q(kind="seal"),
                fields=["cpts_id", "-sealed_through"],
                name="journal_seals",
            ),
        ),
        migrations.AddConstraint(
            "journalline",
            models.UniqueConstraint(fields=("cpts_id", "number"), name="journal_number_once"),
        ),
        migrations.AddConstraint(
            "journalline",
            models.UniqueConstraint(
                condition=Q(cpts_id=None), fields=("number",), name="journal_own_number_once"
            ),
        ),
        migrations.AddConstraint(
            "journalline",
            models.CheckConstraint(
                condition=Q(kind__in=["write", "read", "refusal", "seal"]),
                name="journal_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            "journalline",
            models.CheckConstraint(
                condition=~Q(kind="read") | ~Q(purpose=""), name="journal_read_says_why"
            ),
        ),
        migrations.AddConstraint(
            "journalline",
            models.CheckConstraint(
                condition=Q(kind="seal", sealed_through__isnull=False, sealed_through__lt=F("number"))
                | (~Q(kind="seal") & Q(sealed_through=None)),
                name="journal_seal_says_through",
            ),
        ),
        migrations.RunPython(guard, release),
    ]
