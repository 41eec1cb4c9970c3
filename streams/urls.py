from django.urls import path

from streams import api, dashboard, views, webhooks

urlpatterns = [
    path("", views.home, name="home"),
    path("@<slug:name>/", views.watch, name="watch"),
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("dashboard/live/", dashboard.live, name="dashboard_live"),
    path("dashboard/keys/", dashboard.create_key, name="create_key"),
    path("dashboard/keys/<slug:public_id>/revoke/", dashboard.revoke_key, name="revoke_key"),
    path("api/v1/channels/<slug:name>/", api.ChannelView.as_view(), name="api_channel"),
    path("healthz", views.healthz, name="healthz"),
    path("internal/rtmp/<str:secret>/<slug:boot>/", webhooks.rtmp_hook),
]
