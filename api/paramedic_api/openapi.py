"""The API's own description (OpenAPI 3.1), made from the views by spectree's decorators."""

from __future__ import annotations

from typing import Any

from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from paramedic_api.shapes import Problem, Shape
from paramedic_core.errors import BadInput

_DESCRIPTION = (
    "Reads need no token on loopback; from elsewhere every request does, and whatever changes something needs one "
    "everywhere. Times are RFC 3339, UTC; units stand in the names; errors are problem documents (RFC 9457). "
    "Nothing is taken away or changed in meaning within v1."
)


def _refuse(_request: Any, _response: Any, error: Any, _view: Any, _adapter: Any) -> None:
    """Turn what pydantic found into one of our problem documents."""
    if error is None:
        return
    raise BadInput("; ".join(_told(e) for e in error.errors()[:10]))


def _told(error: Any) -> str:
    where = ".".join(str(part)[:100] for part in error["loc"])
    return f"there is no field {where!r} here" if error["type"] == "extra_forbidden" else f"{where}: {error['msg']}"


spec = SpecTree(
    "flask",
    title="paramedic",
    version="v1",
    description=_DESCRIPTION,
    mode="strict",
    # spectree leaves out what lies under its own path, so that is not ours; routes/openapi.py serves the document.
    path="spectree",
    page_templates={},
    before=_refuse,
    after=lambda *_: None,
    validation_error_status=400,
    validation_error_model=Problem,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
    security_schemes=[SecurityScheme(name="token", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))],
    security=[{}, {"token": []}],
)
"""Views are decorated with `@spec.validate(resp=answers(Shape))`."""


def answers(shape: type[Shape], *problems: int, status: int = 200) -> Response:
    """What a view answers: `shape`, or a problem document with one of these statuses (401 and 403 always)."""
    codes: dict[str, Any] = {f"HTTP_{status}": shape}
    codes |= {f"HTTP_{p}": Problem for p in sorted({401, 403, *problems})}
    return Response(**codes)


SIGNED: list[dict[str, list[str]]] = [{"token": []}]
"""The `security` of views that always need a token."""
