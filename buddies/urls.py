from django.urls import path
from rest_framework.routers import SimpleRouter

from buddies.views import BuddyViewSet, DocumentView

router = SimpleRouter()
router.register("buddies", BuddyViewSet)

urlpatterns = [path("document/", DocumentView.as_view()), *router.urls]
