from django.db import migrations
from django.db.models import F, Q

OPEN = ("new", "proposed", "accepted", "informed", "missed")


def name_owners(apps, schema_editor):
    """Each open request gets a named owner; a missed appointment opens the watch again."""
    CareRequest = apps.get_model("snp", "CareRequest")
    Seat = apps.get_model("accounts", "Seat")
    requests = CareRequest._base_manager
    requests.filter(status="missed").update(closed_at=None)
    requests.filter(owner__isnull=False).update(owner_why="took")
    waiting = Q(status__in=OPEN) | Q(status="handed_over", closed_at=None)
    unowned = requests.filter(waiting, owner=None)
    unowned.filter(received_by__isnull=False).update(
        owner=F("received_by"), owned_at=F("received_at"), owner_why="received"
    )
    for role in ("coordinator", "administrator"):
        for cpts_id in unowned.values_list("cpts", flat=True).distinct():
            seat = Seat._base_manager.filter(cpts=cpts_id, role=role, state="active").first()
            if seat is not None:
                unowned.filter(cpts=cpts_id).update(
                    owner=seat, owned_at=F("received_at"), owner_why=role
                )
    requests.update(circle_at=F("received_at"))
    requests.filter(waiting).update(waiting_since=F("received_at"), watch_at=F("received_at"))


class Migration(migrations.Migration):
    dependencies = [("snp", "0004_circles_owners_deadlines")]

    operations = [migrations.RunPython(name_owners, migrations.RunPython.noop, elidable=True)]
