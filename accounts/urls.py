from django.urls import path
from django.views.generic import RedirectView

from accounts import leave, mailing, profile, sessions, tokens, views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="profile"), name="account"),
    path("signup/", views.SignupView.as_view(), name="account_signup"),
    path("channel/", views.channel, name="channel"),
    path("profile/", profile.profile, name="profile"),
    path("sessions/<int:pk>/end/", sessions.end, name="end_session"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/new/", tokens.new, name="new_token"),
    path("tokens/<slug:token_key>/revoke/", tokens.revoke, name="revoke_token"),
    path("data/", leave.your_data, name="your_data"),
    path("data/export/", leave.export, name="export_data"),
    path("data/delete/", leave.delete, name="delete_account"),
    path("mails-off/<str:token>/", mailing.off, name="mails_off"),
    path("first-administrator/<str:token>/", views.first_administrator, name="first_administrator"),
]
