from django.urls import path
from rest_framework.routers import SimpleRouter

from buddies.published_view import DocumentView
from buddies.release_views import PlanViewSet, ReleaseViewSet
from buddies.views import BuddyViewSet, HoldView, ReviewView, TreeView

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
