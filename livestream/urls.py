from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts import views as accounts
from livestream import media, theme

# the site's own login, whose attempts are limited
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = f"{settings.SITE_NAME} administration"

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
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("theme/", theme.choose, name="theme"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
]
