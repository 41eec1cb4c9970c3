from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0050_moderation")]

    operations = [
        migrations.AddField(
            "channel",
            "reconnect_s",
            models.PositiveSmallIntegerField(
                choices=[
                    (0, "Not at all: the broadcast ends at once"),
                    (30, "30 seconds"),
                    (90, "90 seconds"),
                    (300, "5 minutes"),
                ],
                default=90,
                verbose_name="reconnecting",
            ),
        ),
    ]
