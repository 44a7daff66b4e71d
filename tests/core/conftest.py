"""A role's server on a unix socket in a folder of the test's own."""

import pytest
from hypothesis import settings

from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.server import RoleServer, unix_listener

# A busy machine makes single examples slow; how long a test may take is no property of the code.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


@pytest.fixture
def serve(tmp_path):
    """Serve routes; gives a client, which has its server as `server`."""
    servers = []

    def start(routes, name="role", **more):
        path = tmp_path / f"{name}.sock"
        server = RoleServer(routes, [unix_listener(path)], **more)
        servers.append(server)
        server.start()
        client = RoleClient(path, name)
        client.server = server
        return client

    yield start
    for server in servers:
        server.stop()
