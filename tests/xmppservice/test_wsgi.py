from wsgiref.util import setup_testing_defaults

from xmppservice.wsgi import application


def test_probes_work_with_any_host():
    environ: dict = {"PATH_INFO": "/healthz", "HTTP_HOST": "10.1.2.3"}
    setup_testing_defaults(environ)
    said: list[str] = []

    body = application(environ, lambda status, headers: said.append(status))

    assert said == ["200 OK"]
    assert b"".join(body) == b"ok\n"
