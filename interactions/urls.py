from django.urls import path

from interactions import api, broadcast_chat, dashboard

urlpatterns = [
    path("dashboard/broadcasts/<slug:broadcast_id>/chat/", broadcast_chat.broadcast_chat, name="broadcast_chat"),
    path("dashboard/chat/", dashboard.chat, name="dashboard_chat"),
    path("dashboard/chat/settings/", dashboard.change_settings, name="chat_settings"),
    path("dashboard/chat/shield/", dashboard.shield, name="chat_shield"),
    path("dashboard/chat/roles/", dashboard.give_role, name="chat_give_role"),
    path("dashboard/chat/roles/<int:user_pk>/remove/", dashboard.take_role, name="chat_take_role"),
    path("dashboard/chat/terms/", dashboard.block_term, name="chat_block_term"),
    path("dashboard/chat/terms/<int:pk>/remove/", dashboard.unblock_term, name="chat_unblock_term"),
    path("dashboard/chat/restrictions/<int:user_pk>/lift/", dashboard.lift, name="chat_lift"),
    path("api/v1/channels/<slug:name>/chat/", api.ChatView.as_view(), name="api_chat"),
]
