"""What is shown is what is read: load(dump(x)) == x, for any settings; and no text breaks the reader."""

import contextlib

import yaml
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from paramedic_core.config.load import Loaded, load
from paramedic_core.config.schema import leaves
from paramedic_core.config.shown import shown
from paramedic_core.errors import ConfigError
from paramedic_core.limits import Window
from paramedic_core.settings import (
    CollectorSettings,
    HealerSettings,
    HubSettings,
    Mode,
    RuntimeSettings,
    Settings,
)

_milliseconds = st.integers(1000, 3_600_000).map(lambda ms: ms / 1000)
_names = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P", "S")), min_size=1, max_size=12
)
_windows = st.lists(st.builds(Window, st.integers(1, 99), st.integers(1, 90_000).map(float)), max_size=4).map(tuple)
_settings = st.builds(
    Settings,
    data=st.just("/var/lib/x"),
    node=_names,
    log_level=st.sampled_from(["debug", "info", "warning", "error"]),
    hub=st.builds(
        HubSettings,
        listen=st.sampled_from(["", "127.0.0.1:1", "[::1]:2", "0.0.0.0:0"]),
        allowed_hosts=st.lists(_names, max_size=3).map(tuple),
        streams=st.integers(0, 1000),
    ),
    collector=st.builds(
        CollectorSettings, path_rootfs=st.just("/host"), container_labels=st.lists(_names, max_size=2).map(tuple)
    ),
    runtime=st.builds(RuntimeSettings, engine=_names, resync=_milliseconds, acts_per_host=st.just(Window(3, 7200.0))),
    healer=st.builds(
        HealerSettings,
        default=st.sampled_from(Mode),
        max=st.sampled_from(Mode),
        services=st.dictionaries(_names, st.sampled_from(Mode), max_size=4),
        windows=_windows,
        confirm=_milliseconds,
        give_up_after=st.integers(1, 100),
    ),
)


def dumped(settings):
    """The file that `config show -o yaml` writes."""
    tree = {}
    for row in shown(Loaded(settings, {}, [])):
        section = tree
        for part in row.path[:-1]:
            section = section.setdefault(part, {})
        section[row.path[-1]] = row.value
    return yaml.safe_dump(tree, allow_unicode=True)


@how(max_examples=40)
@given(_settings)
def test_what_is_shown_reads_as_the_same(tmp_path_factory, settings):
    path = tmp_path_factory.getbasetemp() / "dumped.yaml"
    path.write_text(dumped(settings), encoding="utf-8")
    assert load([path]).settings == settings


@given(st.text(max_size=60), st.sampled_from([leaf.dotted for leaf in leaves().values()]))
def test_any_value_of_any_setting_is_read_or_refused(value, dotted):
    with contextlib.suppress(ConfigError):
        load(sets=[f"{dotted}={value}"])
    with contextlib.suppress(ConfigError):
        load(env={f"PARAMEDIC_{dotted.upper().replace('.', '__')}": value})


@given(
    st.lists(st.text(max_size=30), max_size=3),
    st.dictionaries(st.text(max_size=20).map("PARAMEDIC_".__add__), st.text(max_size=20), max_size=3),
)
def test_any_words_are_read_or_refused(sets, env):
    try:
        load(sets=sets, env=env)
    except ConfigError as error:
        text = str(error)
    else:
        return
    assert text.replace("\n", "").isprintable()
