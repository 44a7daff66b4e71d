"""Exceptions as problem documents, and back."""

import inspect

import pytest

from paramedic_core import errors
from paramedic_core.errors import BadInput, ParamedicError, PeerAway, Refused, Temporary
from paramedic_core.problems import error_of, problem_of

KINDS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ParamedicError)]


def made(kind):
    return kind("no_leave", "why") if kind is Refused else kind("why")


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (ParamedicError, errors.Permanent)])
def test_there_and_back(kind):
    document = problem_of(made(kind))
    back = error_of(document, document["status"])
    assert type(back) is kind
    assert str(back) == "why"
    assert document["type"].startswith("urn:paramedic:problem:")


def test_the_fields_come_along():
    assert error_of(problem_of(PeerAway("x", retry_after=7)), 503).retry_after == 7
    assert error_of(problem_of(Refused("frozen", "x")), 422).code == "frozen"
    assert error_of(problem_of(Refused("ceiling_host", "x", retry_after=1200.5)), 422).retry_after == 1200.5
    assert "retry_after" not in problem_of(Refused("frozen", "x"))


@pytest.mark.parametrize("wait", ["soon", None, [], -5, float("nan"), float("inf")])
def test_a_wait_that_is_none_is_passed_over(wait):
    assert error_of({**problem_of(PeerAway("x")), "retry_after": wait}, 503).retry_after == 1.0
    assert error_of({**problem_of(Refused("frozen", "x")), "retry_after": wait}, 422).retry_after == 0.0


def test_the_drawing_shows_every_exception():
    for kind in KINDS:
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        ({}, 500, Temporary),
        ({}, 418, BadInput),
        ({"type": "about:blank", "title": "No"}, 404, BadInput),
        ({}, 404, errors.NotFound),
    ],
)
def test_documents_of_others(document, status, kind):
    assert isinstance(error_of(document, status), kind)


def test_an_exception_of_no_kind_is_internal():
    assert problem_of(ParamedicError("x"))["status"] == 500
