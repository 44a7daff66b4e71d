"""A journal that cannot be read, a restraint that is old, numbers and names that only look like it."""

import pytest

from paramedic_core.errors import BadInput, StoreUnavailable
from paramedic_core.sys.server import Request
from paramedic_healer import journal as module
from paramedic_healer.history import Record
from paramedic_healer.journal import Journal
from paramedic_healer.routes import number
from paramedic_healer.triggers.alert import aim
from support_cases import container, world


def test_reading_back_says_so_when_it_cannot(tmp_path):
    made = Journal(tmp_path / "journal.db", "host1")
    made.close()
    for read in (lambda: made.replay(0.0), made.last_restraint):
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            read()


def test_a_restraint_outlives_the_records_around_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 5)
    made = Journal(tmp_path / "journal.db", "host1")
    made.append([Record("restraint", 1.0, body={"mode": "observe"})])
    for _ in range(40):
        made.append([Record("decision", 2.0, "i", "t", "web", "web", {})])
    assert made.last_restraint().body["mode"] == "observe"
    assert len(made.read(limit=1000)) <= 16
    made.close()


@pytest.mark.parametrize("value", ["²", "9" * 5000, "-1", "", "1.5"])
def test_what_is_no_number_is_said(value):
    with pytest.raises(BadInput):
        number(Request("GET", "/", {"limit": value}), "limit", 5)


def test_an_alerts_name_is_not_taken_for_the_start_of_an_id():
    web = container("web", id="cafe" + "0" * 60)
    asked = {"paramedic_action": "restart"}
    assert aim({**asked, "name": "cafe"}, world(web)).container is None
    assert aim({**asked, "id": "cafe00000000"}, world(web)).container == web
