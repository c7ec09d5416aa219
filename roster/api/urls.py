from django.urls import path
from rest_framework.routers import SimpleRouter

from roster.api.views import AccountViewSet, CommandViewSet
from roster.api.webhook import AccountEvents

router = SimpleRouter()
router.register("accounts", AccountViewSet)
router.register("commands", CommandViewSet)

urlpatterns = [
    path("accounts/events/", AccountEvents.as_view(), name="account-events"),
    *router.urls,
]
