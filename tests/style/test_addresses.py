"""No address but a document's, and no path of the machine that a file was written on."""

from __future__ import annotations

import re
from pathlib import Path

from support_repo import ROOT, texts

# Hosts of documents, and names that RFC 2606 and RFC 6761 keep for examples. Nothing is ever fetched from them.
DOCUMENTS = {
    "prometheus.io", "docs.docker.com", "www.rfc-editor.org", "datatracker.ietf.org", "www.w3.org", "keepachangelog.com",
    "semver.org", "diataxis.fr", "www.apache.org", "man7.org", "www.freedesktop.org", "docs.kernel.org", "www.kernel.org",
    "json-schema.org", "spec.openapis.org", "html.spec.whatwg.org", "developer.mozilla.org", "opentelemetry.io",
    "kubernetes.io", "yaml.org", "github.com", "www.sqlite.org", "packaging.python.org", "docs.python.org", "docs.ntfy.sh",
    "ntfy.sh",  # the public server, as users write it in their configuration
}  # fmt: skip
_URL = re.compile(r"\b(?:https?|ftp)://([A-Za-z0-9.\-]+)")
_EXAMPLE = re.compile(
    r"(^|\.)(example(\.(com|org|net))?|localhost|test|internal|invalid|local)$|^\d+(\.\d+){3}$|^[a-z0-9_-]+$",
    re.IGNORECASE,
)


def test_urls_are_those_of_documents() -> None:
    strange = [
        f"{path}: {host}"
        for path, text in texts().items()
        for host in _URL.findall(text)
        if host not in DOCUMENTS and not _EXAMPLE.search(host.rstrip("."))
    ]
    assert not strange, f"not a document's address (see {Path(__file__).name}): {strange}"


def test_the_lock_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(r"^\s*-", lock.replace("    --hash=", ""), re.MULTILINE), "the lock sets an option"


def test_no_path_of_this_machine() -> None:
    private = {f"{Path.home()}/"} if len(Path.home().parts) > 2 else set()
    private |= {f"{ROOT}/", f"{ROOT.parent}/"} if len(ROOT.parts) > 2 else {f"{ROOT}/"}
    private |= {"/" + "work" + "/"}
    private -= {"/tmp/", "/", "/home/", "/srv/"}
    found = [
        f"{path}: {own}" for path, text in texts().items() for own in private if re.search(rf"(?<![\w.\-]){own}", text)
    ]
    assert not found, f"a path of this machine: {found}"


def test_nothing_is_left_to_do() -> None:
    words = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    left = [str(path) for path, text in texts().items() if path.name != "LICENSE" and words.search(text)]
    assert not left, f"left to do: {left}"
