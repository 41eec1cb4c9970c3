from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streams", "0003_titles"), ("accounts", "0004_profile")]

    operations = [
        migrations.AddIndex(
            model_name="broadcast",
            index=models.Index(fields=["channel", "-started_at"], name="broadcasts_of_a_channel"),
        ),
    ]
