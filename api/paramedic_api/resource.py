"""Resource: what one file in `routes/` offers. The registry finds it; there is no list to edit."""

from __future__ import annotations

from typing import ClassVar

from flask import Blueprint


class Resource:
    """One resource: a `name`, a docstring whose first line is its help, and a blueprint with its views."""

    name: ClassVar[str]
    blueprint: ClassVar[Blueprint]
