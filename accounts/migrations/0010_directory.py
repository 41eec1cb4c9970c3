import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_profile")]

    operations = [
        TrigramExtension(),
        migrations.AddIndex(
            model_name="channel",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                ),
                name="channel_name_search",
            ),
        ),
        migrations.AddIndex(
            model_name="channel",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("title"), name="gin_trgm_ops"
                ),
                name="channel_title_search",
            ),
        ),
        migrations.AddIndex(
            model_name="channel",
            index=django.contrib.postgres.indexes.GinIndex(fields=["tags"], name="channel_tags"),
        ),
    ]
