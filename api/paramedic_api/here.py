"""What a view asks first: the hub of the request at hand, and which version this is."""

from __future__ import annotations

import importlib.metadata

from flask import current_app

from paramedic_api.hub import Hub

VERSION = importlib.metadata.version("paramedic")


def this_hub() -> Hub:
    """The hub of the request at hand."""
    hub = current_app.extensions["hub"]
    if not isinstance(hub, Hub):
        raise TypeError("this application was not made by paramedic_api.app.make_app")
    return hub
