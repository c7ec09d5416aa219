"""XMPP servers with components besides the service: rivals, and a crowd."""

from demo.ejabberd import Ejabberd
from demo.prosody import Prosody
from tests.ports import free_port

PLUGIN, RAW, ECHO, CROWD = (
    f"{name}.localhost" for name in ("plugin", "raw", "echo", "crowd")
)
COMPONENTS = (PLUGIN, RAW, ECHO, CROWD)

# One component only: its stream gets the stanzas for all hosts of its listener.
_LISTENER = """
  - module: ejabberd_service
    ip: "127.0.0.1"
    port: {port}
    access: all
    hosts:
      {jid}:
        password: {secret}
"""


class CrowdedProsody(Prosody):
    """All components on one port, the crowd with the service's roster privilege."""

    def component_port_of(self, jid: str) -> int:
        return self.component_port

    def _settings(self) -> str:
        text = super()._settings()
        for jid in COMPONENTS:
            text += f'\nComponent "{jid}"\n\tcomponent_secret = "{self.secret}"\n'
        text += '\tmodules_enabled = { "privilege" }\n'  # of the crowd, the last one
        begin = "privileged_entities = {\n"
        entity = f'\t\t["{CROWD}"] = {{ roster = "both" }};\n'
        assert begin in text
        return text.replace(begin, begin + entity)


class CrowdedEjabberd(Ejabberd):
    """Each component on a port of its own."""

    def component_port_of(self, jid: str) -> int:
        return self._own_ports[jid]

    def _settings(self) -> str:
        self._own_ports = {jid: free_port() for jid in COMPONENTS}
        listeners = "".join(
            _LISTENER.format(port=port, jid=jid, secret=self.secret)
            for jid, port in self._own_ports.items()
        )
        text = super()._settings()
        assert "\nlisten:\n" in text
        return text.replace("\nlisten:\n", f"\nlisten:{listeners}", 1)
