"""From the command line's words to settings: the one place that knows how configuration is read."""

from __future__ import annotations

import os

from paramedic.options import Options
from paramedic_core.config import Loaded, default_files, load


def load_options(options: Options) -> Loaded:
    """Read and check the whole configuration: files, environment, `--set`, flags.

    Raises:
        ConfigError: there are mistakes; the text lists them all.
    """
    flags = {"data": options.data, "log_level": options.log_level}
    files = options.files or default_files(os.environ)
    return load(files, os.environ, options.sets, {name: value for name, value in flags.items() if value})
