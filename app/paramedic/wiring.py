"""From the command line's words to settings: the one place that knows how configuration is read."""

from __future__ import annotations

import os

from paramedic.options import Options
from paramedic_core.config.load import Loaded, default_files, load
from paramedic_core.settings import Settings


def load_options(options: Options) -> Loaded:
    """Read and check the whole configuration: files, environment, `--set`, flags.

    Raises:
        ConfigError: there are mistakes; the text lists them all.
    """
    flags = {"data": options.data, "log_level": options.log_level}
    files = options.files or default_files(os.environ)
    loaded = load(files, os.environ, options.sets, {name: value for name, value in flags.items() if value})
    check_named(loaded.settings)
    return loaded


def check_named(settings: Settings) -> None:
    """Check the files that settings name.

    Raises:
        ConfigError: there are mistakes in one; the text lists them all.
    """
    if settings.metrics.scrape_file:
        # Imported here: without such a file nobody needs it.
        from paramedic_metrics.scrape.config import load as load_scrape_file  # noqa: PLC0415

        load_scrape_file(settings.metrics.scrape_file, settings.metrics.scrape_interval)
