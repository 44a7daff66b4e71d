from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_core.leave import Leave, leave
from paramedic_core.model import COMPOSE_PROJECT, COMPOSE_SERVICE, Container, State
from paramedic_core.settings import HealerSettings, Mode

DEFAULTS = HealerSettings()
WEB = {COMPOSE_PROJECT: "shop", COMPOSE_SERVICE: "web"}


def container(labels: Mapping[str, str] | None = None, image_labels: tuple[str, ...] = ()) -> Container:
    return Container("a" * 64, "shop-web-1", State.RUNNING, labels=WEB | dict(labels or {}), image_labels=image_labels)


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("off", Mode.OFF),
        ("observe", Mode.OBSERVE),
        ("approve", Mode.APPROVE),
        ("enforce", Mode.ENFORCE),
        ("true", Mode.ENFORCE),
        ("True", Mode.ENFORCE),
        (" enforce ", Mode.ENFORCE),
        ("false", Mode.OFF),
    ],
)
def test_label_words(value, mode):
    found = leave(container({"paramedic.heal": value}), DEFAULTS, {})
    assert found.mode is mode
    assert found.source == "label"
    assert not found.warnings


@pytest.mark.parametrize("value", ["yes", "", "1", "enforced", "\x1b[31m" + "x" * 5000])
def test_a_wrong_label_counts_as_observe_and_is_reported(value):
    found = leave(container({"paramedic.heal": value}), replace(DEFAULTS, default=Mode.ENFORCE), {})
    assert found.mode is Mode.OBSERVE
    assert "none of off, observe" in found.warnings[0]
    assert "none of off, observe" in found.why, "the reason says that it is no mode"
    assert len(found.warnings[0]) < 200
    assert "\x1b" not in found.warnings[0]


@pytest.mark.parametrize("name", ["paramedic.heal", "autoheal"])
def test_a_label_of_the_image_never_counts(name):
    found = leave(container({name: "true"}, image_labels=(name,)), DEFAULTS, {})
    assert (found.mode, found.source) == (Mode.OBSERVE, "default")
    assert "came with the image" in found.warnings[0]


def test_docker_autoheal_label():
    assert leave(container({"autoheal": "true"}), DEFAULTS, {}).mode is Mode.ENFORCE
    assert leave(container({"autoheal": "True"}), DEFAULTS, {}).mode is Mode.ENFORCE
    assert leave(container({"autoheal": "false"}), replace(DEFAULTS, default=Mode.ENFORCE), {}).mode is Mode.OFF
    odd = leave(container({"autoheal": "perhaps"}), DEFAULTS, {})
    assert (odd.source, odd.warnings) == (
        "default",
        ("the label autoheal=perhaps is neither true nor false: it does not count",),
    )
    assert leave(container({"autoheal": "true", "paramedic.heal": "off"}), DEFAULTS, {}).mode is Mode.OFF


def test_the_most_specific_name_in_the_file_wins():
    names = {"web": Mode.OFF, "shop/web": Mode.APPROVE, "shop-web-1": Mode.ENFORCE}
    assert leave(container(), replace(DEFAULTS, services=names), {}).mode is Mode.ENFORCE
    del names["shop-web-1"]
    assert leave(container(), replace(DEFAULTS, services=names), {}).mode is Mode.APPROVE
    del names["shop/web"]
    assert leave(container(), replace(DEFAULTS, services=names), {}).mode is Mode.OFF


def test_file_then_grant_then_label_then_default():
    labelled = container({"paramedic.heal": "off"})
    grants = {"shop/web": "enforce"}
    in_file = replace(DEFAULTS, services={"web": Mode.APPROVE})
    assert leave(labelled, in_file, grants).source == "file"
    assert leave(labelled, DEFAULTS, grants).source == "grant"
    assert leave(labelled, DEFAULTS, {}).source == "label"
    assert leave(container(), DEFAULTS, {}).source == "default"


def test_a_grant_that_is_no_mode_counts_as_observe():
    found = leave(container(), replace(DEFAULTS, default=Mode.ENFORCE), {"shop/web": "yes!"})
    assert (found.mode, found.source) == (Mode.OBSERVE, "grant")
    assert "no mode" in found.warnings[0]


def test_lids_only_lower():
    on = container({"paramedic.heal": "enforce"})
    assert leave(on, DEFAULTS, {}, frozen=True).source == "freeze"
    assert leave(on, DEFAULTS, {}, restraint=Mode.OBSERVE).source == "restraint"
    assert leave(on, replace(DEFAULTS, max=Mode.APPROVE), {}).source == "max"
    off = container({"paramedic.heal": "off"})
    assert leave(off, DEFAULTS, {}, restraint=Mode.ENFORCE, frozen=True).mode is Mode.OFF


@pytest.mark.parametrize(
    ("labels", "grants", "changes", "instead"),
    [
        ({"paramedic.heal": "approve"}, {}, {}, "or label it paramedic.heal=true"),
        ({}, {"shop/web": "approve"}, {}, "`paramedic heal enable shop/web`"),
        ({}, {}, {"services": {"web": Mode.APPROVE}}, "set healer.services web: enforce"),
        ({}, {}, {"default": Mode.APPROVE}, "or label it paramedic.heal=true"),
        ({"paramedic.heal": "true"}, {}, {"max": Mode.APPROVE}, "set healer.max: enforce"),
    ],
)
def test_approve_says_that_it_cannot_act_yet_and_what_to_set_instead(labels, grants, changes, instead):
    found = leave(container(labels), replace(DEFAULTS, **changes), grants)
    assert found.mode is Mode.APPROVE
    assert found.why.endswith("approve: approval by a person is not there yet, so it only records")
    assert instead in found.allow


def test_a_command_to_paste_is_one_command():
    hostile = container({"com.docker.compose.service": "web; touch /tmp/pwned #"})
    assert leave(hostile, DEFAULTS, {}).allow.startswith("`paramedic heal enable 'shop/web; touch /tmp/pwned #'`")


def test_allow_names_each_thing_that_holds():
    found = leave(container(), DEFAULTS, {}, frozen=True)
    assert "paramedic heal enable shop/web" in found.allow
    assert "FREEZE" in found.allow
    assert leave(container({"paramedic.heal": "true"}), DEFAULTS, {}).allow == ""
    assert "healer.services web: enforce" in leave(container(), replace(DEFAULTS, services={"web": Mode.OFF}), {}).allow


modes = st.sampled_from(Mode)


@given(
    label=st.none() | st.text(max_size=12) | modes.map(str),
    of_image=st.booleans(),
    grant=st.none() | modes.map(str),
    in_file=st.none() | modes,
    default=modes,
    most=modes,
    restraint=st.none() | modes,
    frozen=st.booleans(),
)
def test_leave_is_never_above_any_lid_and_never_from_the_image(
    label, of_image, grant, in_file, default, most, restraint, frozen
):
    settings = HealerSettings(default=default, max=most, services={} if in_file is None else {"shop/web": in_file})
    labels = {} if label is None else {"paramedic.heal": label}
    held = container(labels, ("paramedic.heal",) if of_image else ())
    found: Leave = leave(
        held, settings, {} if grant is None else {"shop/web": grant}, restraint=restraint, frozen=frozen
    )
    lids = [most, *([restraint] if restraint else []), *([Mode.OBSERVE] if frozen else [])]
    assert all(found.mode.rank <= lid.rank for lid in lids)
    assert found.allowed == (not found.allow)
    if found.allowed and in_file is None and grant is None and default is not Mode.ENFORCE:
        assert label is not None
        assert not of_image


def test_a_plain_run_of_an_image_that_compose_built_is_no_member_of_the_service():
    built = (COMPOSE_PROJECT, COMPOSE_SERVICE)
    grants = {"shop/web": "enforce"}
    by_compose = container({"com.docker.compose.container-number": "1"}, image_labels=built)
    assert by_compose.service_key == "shop/web"
    assert leave(by_compose, DEFAULTS, grants).allowed
    by_hand = replace(container(image_labels=built), name="debugging")
    assert by_hand.service_key == "debugging"
    assert not leave(by_hand, replace(DEFAULTS, services={"web": Mode.ENFORCE}), grants).allowed


def test_an_image_cannot_pass_for_a_swarm_service():
    labels = {"com.docker.stack.namespace": "shop", "com.docker.swarm.service.name": "shop_web"}
    stranger = Container("b" * 64, "stranger", State.RUNNING, labels=labels, image_labels=tuple(labels))
    assert stranger.service_key == "stranger"
    assert replace(stranger, image_labels=()).service_key == "shop/web"
