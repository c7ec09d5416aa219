"""A Prosody with our module whose users may register themselves."""

from tests.ports import free_port
from tests.prosody_files import FiledProsody

MODULES = '"roster"; '


class OpenProsody(FiledProsody):
    """Has in-band registration, a shell, and a second component."""

    other_component = "other.localhost"

    def _settings(self) -> str:
        text = super()._settings()
        assert text.count(MODULES) == 1
        more = MODULES + '"register"; "admin_shell"; '
        return (
            "allow_registration = true\n"
            + text.replace(MODULES, more)
            + f'\nComponent "{self.other_component}"\n'
            + f'\tcomponent_secret = "{self.secret}"\n'
        )


def ports() -> dict[str, int]:
    return {name: free_port() for name in ("c2s_port", "component_port", "http_port")}
