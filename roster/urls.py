from rest_framework.routers import SimpleRouter

from roster.views import AccountViewSet

router = SimpleRouter()
router.register("accounts", AccountViewSet)

urlpatterns = router.urls
