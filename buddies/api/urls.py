from django.urls import path
from rest_framework.routers import SimpleRouter

from buddies.api.campaigns import CampaignViewSet
from buddies.api.document import DocumentView
from buddies.api.entries import BuddyViewSet, TreeView
from buddies.api.releases import ReleaseViewSet

router = SimpleRouter()
router.register("buddies", BuddyViewSet)
router.register("campaigns", CampaignViewSet)
router.register("releases", ReleaseViewSet)

urlpatterns = [
    path("document/", DocumentView.as_view(), name="document"),
    path("tree/", TreeView.as_view(), name="tree"),
    *router.urls,
]
