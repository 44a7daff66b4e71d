"""Configuration: schema, sources of values, and errors a person can act on."""

from paramedic_core.config.load import Loaded, default_files, load
from paramedic_core.config.mistakes import Finding, Mistake, Place
from paramedic_core.config.shown import Row, shown

__all__ = ["Finding", "Loaded", "Mistake", "Place", "Row", "default_files", "load", "shown"]
