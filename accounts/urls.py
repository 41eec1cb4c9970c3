from django.urls import path

from accounts import views

urlpatterns = [
    path("signup/", views.SignupView.as_view(), name="account_signup"),
    path("channel/", views.channel, name="channel"),
    path("stream/", views.stream, name="stream"),
    path("first-administrator/<str:token>/", views.first_administrator, name="first_administrator"),
]
