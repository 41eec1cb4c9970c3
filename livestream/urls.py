from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts import views as accounts
from accounts.limits import limited
from livestream import health, language, media, metrics, theme

# the site's own login, whose attempts are limited
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = format_lazy(_("{site} administration"), site=settings.SITE_NAME)

handler400 = "livestream.problems.bad_request"
handler403 = "livestream.problems.permission_denied"
handler404 = "livestream.problems.page_not_found"
handler500 = "livestream.problems.server_error"

urlpatterns = [
    path("", include("streams.urls")),
    path("", include("interactions.urls")),
    path("@<slug:name>/follow/", accounts.follow, name="follow"),
    path("@<slug:name>/follow/mail/", accounts.follow_by_mail, name="follow_by_mail"),
    path("media/<path:path>", media.picture, name="media"),
    path("accounts/", include(limited("accounts.urls"))),
    path("accounts/", include(limited("allauth.urls"))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("internal/metrics", metrics.of_pool),
    path("internal/metrics/site", metrics.of_site),
    path("theme/", theme.choose, name="theme"),
    path("language/", language.choose, name="language"),
    path("words/<slug:code>/<slug:version>.js", language.words, name="words"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
]
