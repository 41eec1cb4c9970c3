import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streams", "0051_reasons_of_all")]

    operations = [
        migrations.AddField(
            "broadcast",
            "connected_at",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="Since when that session has been there; empty while a publisher is waited for.",
                null=True,
            ),
        ),
        migrations.AddField(
            "broadcast",
            "lost_at",
            models.DateTimeField(help_text="When the last publisher left, until there is a picture again.", null=True),
        ),
        migrations.AddField(
            "broadcast",
            "reconnect_until",
            models.DateTimeField(help_text="With that: for how long another is waited for.", null=True),
        ),
    ]
