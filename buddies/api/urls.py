from django.urls import path
from rest_framework.routers import SimpleRouter

from buddies.api.document import DocumentView
from buddies.api.entries import BuddyViewSet, HoldView, ReviewView, TreeView
from buddies.api.releases import PlanViewSet, ReleaseViewSet

router = SimpleRouter()
router.register("buddies", BuddyViewSet)
router.register("releases", ReleaseViewSet)
router.register("plans", PlanViewSet)

urlpatterns = [
    path("document/", DocumentView.as_view(), name="document"),
    path("tree/", TreeView.as_view(), name="tree"),
    path("tree/hold/", HoldView.as_view(), name="hold"),
    path("tree/review/", ReviewView.as_view(), name="review"),
    *router.urls,
]
