"""docker-py and requests, without the library that guesses character sets: an engine's answers are JSON, read as bytes.

requests goes without it by itself where it is not installed. Here it would be 2.7 MB of the one role that runs on every host as
root; so it is told that there is none, while it is imported. All of runtime imports the two from here.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

_GUESSERS = ("chardet", "charset_normalizer")
_modules: dict[str, Any] = sys.modules
_ours = [name for name in _GUESSERS if _modules.setdefault(name, None) is None]
try:
    with warnings.catch_warnings():
        # "Unable to find acceptable character detection dependency"
        warnings.simplefilter("ignore")
        import requests
        import urllib3
    import docker
    import docker.transport.unixconn
    import docker.utils
finally:
    for _name in _ours:
        del _modules[_name]

UnixHTTPAdapter = docker.transport.unixconn.UnixHTTPAdapter
UnixHTTPConnection = docker.transport.unixconn.UnixHTTPConnection
UnixHTTPConnectionPool = docker.transport.unixconn.UnixHTTPConnectionPool
kwargs_from_env = docker.utils.kwargs_from_env
__all__ = [
    "UnixHTTPAdapter",
    "UnixHTTPConnection",
    "UnixHTTPConnectionPool",
    "docker",
    "kwargs_from_env",
    "requests",
    "urllib3",
]
