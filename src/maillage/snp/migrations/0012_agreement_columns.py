from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("snp", "0011_move_agreements")]

    operations = [
        migrations.RemoveConstraint(
            model_name='carerequest',
            name='care_request_agreement_by_same_cpts',
        ),
        migrations.RemoveConstraint(
            model_name='carerequest',
            name='care_request_agreement_all_or_nothing',
        ),
        migrations.RemoveField(
            model_name='carerequest',
            name='agreement_at',
        ),
        migrations.RemoveField(
            model_name='carerequest',
            name='agreement_by',
        ),
        migrations.RemoveField(
            model_name='carerequest',
            name='agreement_from',
        ),
    ]
