from django.urls import path

from accounts.api import me
from streams.api import broadcasts, channels, following, keys

urlpatterns = [
    path("me/", me.MeView.as_view(), name="api_me"),
    path("live/", channels.LiveView.as_view(), name="api_live"),
    path("categories/", channels.CategoriesView.as_view(), name="api_categories"),
    path("channels/", channels.ChannelsView.as_view(), name="api_channels"),
    path("channels/<slug:name>/", channels.ChannelView.as_view(), name="api_channel"),
    path("channels/<slug:name>/broadcasts/", broadcasts.BroadcastsView.as_view(), name="api_broadcasts"),
    path("broadcasts/<slug:broadcast_id>/", broadcasts.BroadcastView.as_view(), name="api_broadcast"),
    path("broadcasts/<slug:broadcast_id>/end/", broadcasts.EndView.as_view(), name="api_end"),
    path("keys/", keys.KeysView.as_view(), name="api_keys"),
    path("keys/<slug:public_id>/", keys.KeyView.as_view(), name="api_key"),
    path("following/", following.FollowingView.as_view(), name="api_following"),
    path("following/<slug:name>/", following.FollowView.as_view(), name="api_follow"),
]
