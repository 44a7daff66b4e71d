"""AMD and Intel GPUs from trees laid out as their drivers do (no such card is in the machines that tests run on)."""

from __future__ import annotations

from pathlib import Path

from paramedic_collector.exposition import Exposition
from paramedic_collector.source import Context
from paramedic_collector.sources.drm import Drm
from support_collector import NOW, collect, paths, samples, tree

_AMD = "sys/class/drm/card0/device"
_INTEL = "sys/class/drm/card1/device"
_XE = "sys/class/drm/card2/device"
FILES = {
    f"{_AMD}/vendor": "0x1002\n",
    f"{_AMD}/gpu_busy_percent": "4\n",
    f"{_AMD}/mem_info_vram_total": "4278190080\n",
    f"{_AMD}/mem_info_vram_used": "1490378752\n",
    f"{_AMD}/mem_info_vram_vendor": "samsung\n",
    f"{_AMD}/power_dpm_force_performance_level": "manual\n",
    f"{_AMD}/unique_id": "0123456789abcdef\n",
    f"{_AMD}/hwmon/hwmon4/power1_average": "42500000\n",
    f"{_AMD}/hwmon/hwmon4/power1_input": "43000000\n",
    f"{_AMD}/hwmon/hwmon4/temp1_input": "54500\n",
    "sys/class/drm/card0-DP-1/status": "connected\n",
    f"{_INTEL}/vendor": "0x8086\n",
    f"{_INTEL}/hwmon/hwmon5/energy1_input": "123000000\n",
    f"{_INTEL}/drm/card1/gt/gt0/rps_act_freq_mhz": "700\n",
    f"{_INTEL}/drm/card1/gt/gt0/rps_max_freq_mhz": "1450\n",
    f"{_INTEL}/drm/card1/gt/gt1/rps_act_freq_mhz": "0\n",
    f"{_XE}/vendor": "0x8086\n",
    f"{_XE}/tile0/gt0/freq0/act_freq": "2000\n",
    "sys/class/drm/card3/device/vendor": "0x10de\n",
    "sys/class/drm/card3/device/gpu_busy_percent": "1\n",
}


def test_what_the_drivers_give(tmp_path: Path) -> None:
    source = Drm()
    found = samples(collect(source, Context(paths(tree(tmp_path, FILES)), NOW)))
    info = 'card="card0",memory_vendor="samsung",power_performance_level="manual",unique_id="0123456789abcdef",vendor="amd"'
    assert found == {
        f"node_drm_card_info{{{info}}}": 1,
        'node_drm_gpu_busy_percent{card="card0"}': 4,
        'node_drm_memory_vram_size_bytes{card="card0"}': 4278190080,
        'node_drm_memory_vram_used_bytes{card="card0"}': 1490378752,
        'node_drm_power_watts{card="card0"}': 42.5,
        'node_drm_temperature_celsius{card="card0"}': 54.5,
        'node_drm_energy_joules_total{card="card1"}': 123,
        'node_drm_frequency_hertz{card="card1",gt="gt0"}': 7e8,
        'node_drm_frequency_max_hertz{card="card1",gt="gt0"}': 1.45e9,
        'node_drm_frequency_hertz{card="card1",gt="gt1"}': 0,
        'node_drm_frequency_hertz{card="card2",gt="tile0/gt0"}': 2e9,
    }
    source.close()


def test_without_a_card_there_is_nothing_and_no_error(tmp_path: Path) -> None:
    out = Exposition()
    Drm().collect(Context(paths(tmp_path), NOW), out)
    assert (out.lines, out.problem) == ({}, "")


def test_a_broken_file_hides_no_other_and_a_card_taken_out_is_forgotten(tmp_path: Path) -> None:
    root = tree(tmp_path, {**FILES, f"{_AMD}/gpu_busy_percent": "idle\n"})
    source, out = Drm(), Exposition()
    source.collect(Context(paths(root), NOW), out)
    assert "gpu_busy_percent" in out.problem
    assert sum(len(lines) for lines in out.lines.values()) == 10
    (tmp_path / f"{_AMD}/vendor").unlink()
    text = collect(source, Context(paths(root), NOW + 61))
    assert "card0" not in text
    assert "card1" in text
    source.close()
