from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_directory"),
    ]

    operations = [
        migrations.AddField(
            model_name="follow",
            name="mailed_at",
            field=models.DateTimeField(editable=False, help_text="When the last mail was begun.", null=True),
        ),
    ]
