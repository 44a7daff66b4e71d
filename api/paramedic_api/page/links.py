"""Links that work under any base path of a proxy: relative to the page they stand on. Pure."""

from __future__ import annotations


def root_of(path: str) -> str:
    """From a page's path back to the first page: `./` from `/healing`, `../../` from `/services/shop/api`."""
    return "../" * (path.count("/") - 1) or "./"
