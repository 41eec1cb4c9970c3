from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Users and channels"

    def ready(self) -> None:
        autodiscover_modules("personal")
