"""The page's own files: what is vendored is what it says it is, and all of it is small."""

from __future__ import annotations

import gzip
import hashlib
import re

from support_hub import Stand
from support_repo import ROOT

WEB = ROOT / "dashboards/paramedic_dashboards/web"
MOST = 60_000


def test_vendored_files_are_unchanged() -> None:
    folder = WEB / "static/vendor/uplot"
    lines = re.findall(r"^ {4}([0-9a-f]{64}) {2}(\S+)$", (folder / "README.md").read_text(), re.MULTILINE)
    named = {name: digest for digest, name in lines}
    files = {f.name for f in folder.iterdir()} - {"README.md"}
    assert set(named) == files
    for name, digest in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_a_page_is_small_on_the_wire(reading: Stand) -> None:
    """All that a first visit of the heaviest page loads, compressed; without compression it is little more than twice that."""
    paths = ["/services/shop/api", "/static/style.css", "/static/app.js", "/static/mark.svg"]
    paths += ["/static/vendor/uplot/uPlot.iife.min.js", "/static/vendor/uplot/uPlot.min.css"]
    weight = 0
    for path in paths:
        with reading.client.get(path) as answer:
            assert answer.status_code == 200
            weight += len(gzip.compress(answer.data))
    assert weight < MOST


def test_nothing_is_loaded_from_elsewhere() -> None:
    for file in [*WEB.glob("templates/*.html"), WEB / "static/app.js", WEB / "static/style.css"]:
        assert not re.search(r"(?:https?:)?//[a-z]+\.", file.read_text(encoding="utf-8")), file


def test_no_script_or_style_inside_the_markup() -> None:
    for file in WEB.glob("templates/*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|javascript:", text), file
        assert "|safe" not in text.replace(" ", ""), file


def test_files_answer_only_below_their_folder(reading: Stand) -> None:
    for path in ("/static/../templates/layout.html", "/static/%2e%2e/templates/layout.html", "/static/"):
        assert reading.client.get(path).status_code == 404, path
