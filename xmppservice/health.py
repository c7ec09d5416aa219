from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class Health:
    """Middleware: ``/healthz`` is 200 while the process answers.

    It stands before the check of the host: a probe asks by an address that no
    user needs to know.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)
