"""The table of roles."""

import dataclasses
from dataclasses import replace

import pytest

from paramedic.roles import SPECS, changed, chosen
from paramedic_core.errors import BadInput
from paramedic_core.settings import HealerSettings, HubSettings, Mode, Settings
from paramedic_core.sys.identity import UIDS

BY_NAME = {spec.name: spec for spec in SPECS}


def test_all_without_a_choice_and_always_in_order():
    assert chosen(()) == SPECS
    assert [s.name for s in chosen(("hub", "runtime"))] == ["runtime", "hub"]


def test_an_unknown_role_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="no role dashboards: the roles are runtime, dns"):
        chosen(("hub", "dashboards"))


def test_every_role_has_a_uid_of_its_own():
    assert all(spec.name in UIDS for spec in SPECS)
    assert len({UIDS[s.name] for s in SPECS}) == len(SPECS)


def test_every_part_of_the_settings_concerns_some_role():
    later = {"dns", "logs"} - set(BY_NAME)
    sections = {f.name for f in dataclasses.fields(Settings)} - {"data", "node", "log_level"} - later
    assert sections == {part for spec in SPECS for part in spec.parts}


def test_only_who_is_concerned_is_replaced():
    old = Settings()
    hub = replace(old, hub=HubSettings(listen="127.0.0.1:1"))
    assert [s.name for s in SPECS if changed(s, old, hub)] == ["hub"]
    healer = replace(old, healer=HealerSettings(max=Mode.OBSERVE))
    assert {"runtime", "healer"} <= {s.name for s in SPECS if changed(s, old, healer)}
    assert [s.name for s in SPECS if changed(s, old, replace(old, log_level="debug"))] == [s.name for s in SPECS]
    assert not any(changed(s, old, Settings()) for s in SPECS)
