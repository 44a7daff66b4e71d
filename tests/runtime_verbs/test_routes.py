"""Runtime's paths over a real socket: who may call what, by the kernel's word and by tokens."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_core.errors import BadInput, NotFound, ParamedicError, Refused
from paramedic_core.settings import Mode
from paramedic_core.sys import identity
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import GID, UIDS, uid_of
from paramedic_core.sys.server import Peer, Request, RoleServer, unix_listener
from paramedic_core.sys.tokens import TokenStore
from paramedic_runtime import callers
from paramedic_runtime.grants import resolve
from paramedic_runtime.routes import Desk
from support_caller import call_as
from support_hands import Rig

LEAVE = {"paramedic.heal": "true"}
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can call as somebody else")


class House:
    """A rig behind its routes on a socket."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.tokens = TokenStore(folder / "tokens.json")
        self.changed = 0
        rig = self.rig
        desk = Desk(rig.worlds, rig.verbs, rig.acts, rig.grants, rig.freeze, self.tokens, self.on_change)
        self.socket = folder / "run" / "runtime.sock"
        self.socket.parent.mkdir()
        gid = GID if os.geteuid() == 0 else -1
        self.server = RoleServer(desk.routes(), [unix_listener(self.socket, 0o660, -1, gid)])
        self.server.start()
        self.client = RoleClient(self.socket, "runtime")
        self.web = rig.backend.add("web", labels=LEAVE)
        rig.look()

    def on_change(self) -> None:
        self.changed += 1
        self.rig.look()

    def wish(self, key: str = "k1") -> dict[str, object]:
        seen = self.rig.backend.inspect(self.web)
        return {"target": self.web, "key": key, "expected": {"state": "running", "started_at": seen.started_at}}


@pytest.fixture
def house():
    # Not below pytest's folder, which other uids cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="house-"))
    folder.chmod(0o755)
    house = House(folder)
    yield house
    house.server.stop()
    house.rig.acts.close()
    shutil.rmtree(folder)


@root
@pytest.mark.root
@pytest.mark.parametrize("verb", ["restart", "stop", "start", "kill"])
def test_verbs_open_to_the_healer_alone(house, verb):
    for who in ("collector", "logs", "dns", "hub", "runtime"):
        assert call_as(UIDS[who], house.socket, f"/verbs/{verb}", house.wish()) == "Refused:not_healer"
    assert call_as(12345, house.socket, f"/verbs/{verb}", house.wish(), gid=12345) == "PeerAway"
    assert not house.rig.backend.acts
    answer = call_as(UIDS["healer"], house.socket, f"/verbs/{verb}", house.wish())
    assert (answer["status"], answer["by"]) == ("done", "healer")


def test_without_separation_the_same_uid_is_the_healer(house, monkeypatch):
    monkeypatch.setattr(identity, "separated", lambda: False)
    assert house.client.post("/verbs/restart", house.wish())["status"] == "done"


@root
@pytest.mark.root
def test_root_cannot_reach_a_verb_either(house):
    with pytest.raises(Refused) as caught:
        house.client.post("/verbs/restart", house.wish())
    assert caught.value.code == "not_healer"


@root
@pytest.mark.root
def test_unknown_fields_and_strange_bodies(house):
    for body in ({**house.wish(), "image": "x"}, {"target": []}, {}, {"target": "../../etc"}):
        assert call_as(UIDS["healer"], house.socket, "/verbs/restart", body) == "BadInput"
    assert call_as(UIDS["healer"], house.socket, "/verbs/exec", house.wish()) == "NotFound"
    assert not house.rig.backend.acts


def test_acts_are_listed_and_found(house):
    for n in range(3):
        house.rig.wish(house.web, key=f"k/{n}")
    listed = house.client.get("/acts?after=1&limit=1")["acts"]
    assert [a["key"] for a in listed] == ["k/1"]
    assert house.client.get("/acts/k%2F2")["seq"] == 3
    assert set(listed[0]) == {
        "seq", "key", "host", "target", "name", "service", "verb", "incident", "reason", "by",
        "expected", "intent_at", "status", "done_at", "detail",
    }  # fmt: skip
    with pytest.raises(NotFound):
        house.client.get("/acts/none")
    for query in ("after=-1", "after=x", "limit=1e9", "after=" + "9" * 30):
        with pytest.raises(BadInput):
            house.client.get(f"/acts?{query}")


def test_local_root_grants_and_takes_back(house):
    plain = house.rig.backend.add("plain")
    house.rig.look()
    assert house.client.post("/grants", {"service": "plain", "mode": "enforce"})["mode"] == "enforce"
    assert house.client.get("/grants")["grants"]["plain"]["mode"] == "enforce"
    assert house.rig.worlds.world.grants == {"plain": "enforce"}
    assert house.rig.wish(plain).status == "done"
    house.client.post("/grants", {"service": plain[:12], "mode": "default"})
    assert house.rig.worlds.world.grants == {}
    with pytest.raises(Refused):
        house.rig.wish(plain)
    with pytest.raises(NotFound):
        house.client.post("/grants", {"service": "plain", "mode": ""})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"service": "wbe", "mode": "enforce"}, NotFound),
        ({"service": "web", "mode": "yes"}, BadInput),
        ({"service": "", "mode": "enforce"}, BadInput),
        ({"service": 5, "mode": "enforce"}, BadInput),
        ({"service": "web", "mode": "x" * 600}, BadInput),
    ],
)
def test_grants_that_make_no_sense(house, body, error):
    with pytest.raises(error):
        house.client.post("/grants", body)
    assert not house.rig.grants.all()


def test_paramedic_itself_is_granted_nothing_that_acts(house):
    own = house.rig.backend.add("own")
    house.rig.look()
    mine = {own: replace(house.rig.worlds.world.containers[own], is_self=True)}
    house.rig.worlds.update(lambda world: replace(world, containers={**world.containers, **mine}))
    for mode in ("enforce", "approve"):
        with pytest.raises(BadInput, match="own is paramedic itself"):
            house.client.post("/grants", {"service": "own", "mode": mode})
    assert not house.rig.grants.all()
    assert house.client.post("/grants", {"service": "own", "mode": "off"})["mode"] == "off"
    assert house.client.post("/grants", {"service": "own", "mode": "default"})["mode"] == "default"


@root
@pytest.mark.root
def test_others_grant_only_with_an_admin_token(house):
    body = {"service": "web", "mode": "observe"}
    texts = {role: house.tokens.create(role, role) for role in ("viewer", "operator", "admin", "sender")}
    hub = UIDS["hub"]
    assert call_as(hub, house.socket, "/grants", body) == "Refused:not_admin"
    for role in ("viewer", "operator", "sender"):
        signed = {"Authorization": f"Bearer {texts[role]}"}
        assert call_as(hub, house.socket, "/grants", body, signed) == "Refused:not_admin"
        assert call_as(0, house.socket, "/grants", body, signed) == "Refused:not_admin"
    assert (
        call_as(hub, house.socket, "/grants", body, {"Authorization": "Bearer paramedic_" + "x" * 43})
        == "Refused:not_admin"
    )
    assert not house.rig.grants.all()
    signed = {"Authorization": f"Bearer {texts['admin']}"}
    assert call_as(hub, house.socket, "/grants", body, signed)["by"] == "token admin"
    house.tokens.revoke("admin")
    assert call_as(hub, house.socket, "/grants", body, signed) == "Refused:not_admin"


@root
@pytest.mark.root
def test_anybody_freezes_and_few_thaw(house):
    frozen = call_as(UIDS["collector"], house.socket, "/freeze", {"on": True, "by": "me", "reason": "odd"})
    assert (frozen["on"], frozen["by"], frozen["reason"]) == (True, "me (collector)", "odd")
    assert house.rig.worlds.world.hands.frozen
    assert call_as(UIDS["healer"], house.socket, "/verbs/restart", house.wish()) == "Refused:frozen"
    assert call_as(UIDS["hub"], house.socket, "/freeze", {"on": False}) == "Refused:not_admin"
    assert house.rig.freeze.path.exists()
    signed = {"Authorization": f"Bearer {house.tokens.create('a', 'admin')}"}
    assert call_as(UIDS["hub"], house.socket, "/freeze", {"on": False}, signed)["on"] is False
    assert not house.rig.freeze.path.exists()
    assert call_as(UIDS["healer"], house.socket, "/verbs/restart", house.wish())["status"] == "done"


def test_freeze_wants_a_boolean(house):
    for on in (None, 1, "true"):
        with pytest.raises(BadInput):
            house.client.post("/freeze", {"on": on})
    assert not house.rig.freeze.on()
    assert house.client.get("/freeze") == {"on": False, "by": "", "reason": "", "at": 0.0}


def test_a_freeze_file_of_a_strangers_making(house):
    house.rig.freeze.path.write_bytes(b"\xff\x00{" * 10000)
    assert house.client.get("/freeze")["on"] is True
    house.rig.freeze.path.write_text('{"by": ["x"], "reason": {"a": "' + "y" * 2000 + '"}}')
    assert len(house.client.get("/freeze")["reason"]) <= 500


def test_damaged_grants_stop_everything_and_say_so(house):
    path = house.rig.data / "runtime" / "grants.json"
    for content in ("{", "[]", '{"grants": {"web": {"mode": "all"}}}', "x" * (2 << 20), '{"grants": 5}'):
        path.write_text(content)
        house.rig.look()
        hands = house.rig.worlds.world.hands
        assert not hands.ready
        assert "grants cannot be read" in hands.reason
        with pytest.raises(ParamedicError, match="grants cannot be read"):
            house.rig.wish(house.web)
        with pytest.raises(ParamedicError):
            house.rig.grants.give("web", Mode.ENFORCE, "me")
        assert path.read_text() == content
    path.unlink()
    house.rig.look()
    assert house.rig.worlds.world.hands.ready
    assert house.rig.wish(house.web).status == "done"


def test_which_service_a_name_means(house):
    def compose(project):
        return {"com.docker.compose.project": project, "com.docker.compose.service": "api"}

    first = house.rig.backend.add("a-api-1", labels=compose("a"))
    house.rig.look()
    for name in ("a/api", "api", "a-api-1", first[:12], first):
        assert resolve(name, house.rig.worlds.world) == "a/api"
    house.rig.backend.add("b-api-1", labels=compose("b"))
    house.rig.look()
    with pytest.raises(BadInput, match="a/api or b/api"):
        resolve("api", house.rig.worlds.world)
    with pytest.raises(NotFound, match="did you mean a/api"):
        resolve("a/apj", house.rig.worlds.world)


def test_who_is_who():
    assert uid_of("healer") == (UIDS["healer"] if os.geteuid() == 0 else os.geteuid())


def test_root_of_another_container_is_not_local_root(tmp_path):
    def owner(pid):
        # The kernel gives 0 for a process that has no id in our pid namespace (tests/deploy shows it in real containers).
        request = Request("POST", "/grants", peer=Peer(pid, 0, GID))
        return callers.owner(request, TokenStore(tmp_path / "tokens.json"))

    assert owner(17) == "root"
    with pytest.raises(Refused, match="runtime's own container only") as caught:
        owner(0)
    assert caught.value.code == "not_admin"
