from django.urls import include, path

from streams import embed, following, past, report_views, stream_keys, stream_page, views

urlpatterns = [
    path("", views.home, name="home"),
    path("@<slug:name>/", views.watch, name="watch"),
    path("@<slug:name>/report/", report_views.report_channel, name="report_channel"),
    path("embed/<slug:name>/", embed.embed, name="embed"),
    path("oembed", embed.oembed, name="oembed"),
    path("dashboard/", stream_page.dashboard, name="dashboard"),
    path("dashboard/live/", stream_page.live, name="dashboard_live"),
    path("dashboard/live/<slug:broadcast_id>/", stream_page.numbers, name="dashboard_numbers"),
    path("dashboard/stream/", stream_page.save, name="stream"),
    path("dashboard/end/", stream_page.end, name="end_broadcast"),
    path("dashboard/allow/", stream_page.allow, name="allow_encoder"),
    path("dashboard/schedule/", stream_page.announce, name="announce"),
    path("dashboard/schedule/<int:pk>/remove/", stream_page.unannounce, name="unannounce"),
    path("dashboard/keys/", stream_keys.keys, name="keys"),
    path("dashboard/keys/<slug:public_id>/revoke/", stream_keys.revoke, name="revoke_key"),
    path("dashboard/broadcasts/", past.past, name="past_broadcasts"),
    path("dashboard/broadcasts/<slug:broadcast_id>/", past.broadcast, name="past_broadcast"),
    path("following/", following.following, name="following"),
    path("api/v1/", include("streams.api.urls")),
]
