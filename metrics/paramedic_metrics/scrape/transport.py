"""How a target is reached: HTTP with its credentials, TLS, limits and a deadline for the whole exchange."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from paramedic_core.config.mistakes import nearest
from paramedic_core.errors import ParamedicError, Temporary
from paramedic_core.problems import CONTENT_TYPE
from paramedic_core.sys.answers import BoundedResponse
from paramedic_core.sys.files import read_bounded
from paramedic_metrics.scrape.fields import Section

_MOST_SECRET = 64 << 10
_MOST_REDIRECTS = 10
_MOST_DETAIL = 500
_CHUNK = 1 << 16
_TLS = {"TLS10": ssl.TLSVersion.TLSv1, "TLS11": ssl.TLSVersion.TLSv1_1, "TLS12": ssl.TLSVersion.TLSv1_2}
_TLS |= {"TLS13": ssl.TLSVersion.TLSv1_3}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
OPENMETRICS, TEXT = "application/openmetrics-text", "text/plain"


class ScrapeFailed(Temporary):
    """A target did not give an exposition; the text says why, as it stands on the targets page."""


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials and TLS of a job. Files are read at each new connection, so that a changed secret counts at once."""

    scheme: str = ""
    """`Basic`, `Bearer` or another of the Authorization header; empty for none."""
    username: str = ""
    username_file: str = ""
    secret: str = ""
    secret_file: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names and values; a name may be there several times."""
    header_files: tuple[tuple[str, str], ...] = ()
    """Names and files that have the value."""
    follow_redirects: bool = True
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure: bool = False
    least_tls: str = "TLS12"
    most_tls: str = "TLS13"

    def __repr__(self) -> str:
        return f"Access({self.scheme or 'none'})"

    def authorization(self) -> str:
        """The Authorization header; empty for none.

        Raises:
            ScrapeFailed: a file cannot be read.
        """
        if not self.scheme:
            return ""
        secret = _file(self.secret_file) if self.secret_file else self.secret
        if self.scheme != "Basic":
            return f"{self.scheme} {secret}"
        name = _file(self.username_file) if self.username_file else self.username
        return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"

    def more(self) -> list[tuple[str, str]]:
        """The headers of `http_headers`.

        Raises:
            ScrapeFailed: a file cannot be read.
        """
        return [*self.headers, *((name, _file(path)) for name, path in self.header_files)]

    def tls(self) -> ssl.SSLContext:
        """The context of a connection.

        Raises:
            ScrapeFailed: a file cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            context.minimum_version, context.maximum_version = _TLS[self.least_tls], _TLS[self.most_tls]
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ScrapeFailed(f"tls_config cannot be used: {error}") from error
        return context


def access(section: Section) -> Access:
    """What a job says of it: `basic_auth`, `authorization`, `bearer_token`, `tls_config`, `http_headers`, `follow_redirects`."""
    scheme, name, name_file, secret, secret_file = _credentials(section)
    tls = section.section("tls_config")
    least, most = (tls.word(f"{end}_version", word, tuple(_TLS)) for end, word in (("min", "TLS12"), ("max", "TLS13")))
    if most < least:
        tls.wrong(tls.at("max_version"), "max_version", f"{most} is before min_version, which is {least}")
    headers, files = _headers(section)
    found = Access(
        scheme=scheme,
        username=name,
        username_file=name_file,
        secret=secret,
        secret_file=secret_file,
        headers=headers,
        header_files=files,
        follow_redirects=section.flag("follow_redirects", default=True),
        ca_file=_beside(tls, "ca_file"),
        cert_file=_beside(tls, "cert_file"),
        key_file=_beside(tls, "key_file"),
        server_name=tls.text("server_name"),
        insecure=tls.flag("insecure_skip_verify", default=False),
        least_tls=least,
        most_tls=most,
    )
    section.flag("enable_http2", default=True)
    tls.rest(lambda field: f"give it as a file: {field}_file" if field in ("ca", "cert", "key") else "")
    return found


def _credentials(section: Section) -> tuple[str, str, str, str, str]:
    basic, bearer = section.section("basic_auth"), section.section("authorization")
    name, name_file = basic.text("username"), _beside(basic, "username_file")
    password, password_file = basic.text("password"), _beside(basic, "password_file")
    kind = bearer.text("type", "Bearer").strip()
    secret, secret_file = bearer.text("credentials"), _beside(bearer, "credentials_file")
    for inner, one, file in ((basic, "password", password_file), (bearer, "credentials", secret_file)):
        if inner.text(one) and file:
            inner.wrong(inner.at(f"{one}_file"), f"{one}_file", f"{one} is given here too: keep one of the two")
        inner.rest()
    ways = [w for w in ("basic_auth", "authorization", "bearer_token", "bearer_token_file") if section.has(w)]
    for way in ways[1:]:
        section.wrong(section.at(way), way, f"{ways[0]} is given here too: keep one of the two")
    if section.has("basic_auth"):
        return "Basic", name, name_file, password, password_file
    if section.has("authorization"):
        if kind.lower() == "basic":
            bearer.wrong(bearer.at("type"), "type", "is Basic: use basic_auth", ("Bearer",), nearest(kind, ["Bearer"]))
        return kind, "", "", secret, secret_file
    if section.has("bearer_token") or section.has("bearer_token_file"):
        # What Prometheus calls authorization since 2.26; it takes these still.
        return "Bearer", "", "", section.text("bearer_token"), _beside(section, "bearer_token_file")
    return "", "", "", "", ""


def _headers(section: Section) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """`http_headers`: a mapping of names to `values`, `secrets` and `files`, all of which are sent."""
    inner = section.section("http_headers")
    found, files = [], []
    for name in inner.keys():  # noqa: SIM118  no mapping
        one = inner.section(name)
        if not _HEADER.fullmatch(name):
            inner.wrong(inner.at(name), name[:60], "is no header's name")
        for text, node in (*one.texts("values"), *one.texts("secrets")):
            if any(c in text for c in "\r\n\0"):
                one.wrong(node, "", "a header's value has no line breaks")
            found.append((name, text))
        files += [(name, str(Path(node.place.source).absolute().parent / text)) for text, node in one.texts("files")]
        one.rest()
    return tuple(found), tuple(files)


def _beside(section: Section, name: str) -> str:
    """A file's path, relative to the file that names it."""
    text, node = section.text(name), section.at(name)
    return str(Path(node.place.source).absolute().parent / text) if text and node is not None else ""


def _file(path: str) -> str:
    try:
        return read_bounded(Path(path), _MOST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError, ParamedicError) as error:
        raise ScrapeFailed(f"the file {path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came, unpacked."""

    body: bytes
    kind: str
    """Its Content-Type, whole."""

    @property
    def media(self) -> str:
        """That without parameters, in small letters."""
        return self.kind.partition(";")[0].strip().lower()


class Connection:
    """One target's connection, kept open between scrapes.

    Args:
        url: `http(s)://HOST:PORT/PATH`.
        access: its credentials.
        socket_path: a unix socket to use instead of the address.
        most: bytes of a body, unpacked; packed it has no more than that and 64 KiB.
    """

    def __init__(self, url: str, access: Access, *, socket_path: str = "", most: int) -> None:
        self._url, self._access, self._socket, self._most = url, access, socket_path, most
        self._open: http.client.HTTPConnection | None = None
        self._sock: socket.socket | None = None
        self._host = ""
        self._lock = threading.Lock()
        self._expired = False

    def get(self, headers: Mapping[str, str], timeout: float) -> Answer:
        """Ask once.

        Args:
            headers: besides those of the access.
            timeout: seconds for all of it; `abort` ends it from another thread.

        Raises:
            ScrapeFailed: no exposition; the text says why.
        """
        self._expired, end = False, time.monotonic() + timeout
        fresh = self._open is None
        try:
            return self._follow(headers, end)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: of a host's name
            self.close()
            if self._expired or isinstance(error, TimeoutError) or time.monotonic() >= end:
                raise ScrapeFailed(f"no answer within {timeout:g} s") from error
            if not fresh:
                # A kept connection may have been closed by the other side meanwhile: once more, on a new one.
                return self._again(headers, end, timeout)
            raise ScrapeFailed(f"it cannot be reached: {error or type(error).__name__}") from error

    def _again(self, headers: Mapping[str, str], end: float, timeout: float) -> Answer:
        try:
            return self._follow(headers, end)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: of a host's name
            self.close()
            late = self._expired or isinstance(error, TimeoutError)
            text = (
                f"no answer within {timeout:g} s" if late else f"it cannot be reached: {error or type(error).__name__}"
            )
            raise ScrapeFailed(text) from error

    def abort(self) -> None:
        """End the exchange that is under way; from another thread."""
        self._expired = True
        with self._lock:
            sock = self._sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def close(self) -> None:
        """Close it; the next `get` opens it anew."""
        with self._lock:
            found, self._open, self._sock = self._open, None, None
        if found is not None:
            found.close()

    def _follow(self, headers: Mapping[str, str], end: float) -> Answer:
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._ask(url, headers, end)
            where = response.headers.get("Location", "")
            if response.status not in (301, 302, 303, 307, 308) or not where or not self._access.follow_redirects:
                return self._body(response, end)
            self.close()
            url = self._redirected(url, where)
        raise ScrapeFailed(f"more than {_MOST_REDIRECTS} redirects")

    def _redirected(self, url: str, where: str) -> str:
        found = urljoin(url, where)
        if urlsplit(found).hostname != urlsplit(url).hostname or urlsplit(found).scheme not in ("http", "https"):
            raise ScrapeFailed(f"it redirects to another host ({found[:200]}), which is not followed")
        return found

    def _ask(self, url: str, headers: Mapping[str, str], end: float) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        left = max(0.001, end - time.monotonic())
        kept = self._open
        if kept is None or kept.sock is None or self._host != f"{parts.scheme}://{parts.netloc}":
            self._connect(parts.scheme, parts.netloc, left)
        connection = self._open
        if connection is None:
            raise ScrapeFailed("the connection was closed")
        if connection.sock is not None:
            connection.sock.settimeout(left)
        sent = dict(headers)
        authorization = self._access.authorization()
        if authorization:
            sent["Authorization"] = authorization
        ours = {name.lower() for name in sent}
        more = [(name, value) for name, value in self._access.more() if name.lower() not in ours]
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            # By hand, as `request` would send each name once.
            named = any(name.lower() == "host" for name, _ in more)
            connection.putrequest("GET", path, skip_host=named, skip_accept_encoding="accept-encoding" in ours)
            for name, value in (*more, *sent.items()):
                connection.putheader(name, value.encode())
            connection.endheaders()
        except (ValueError, UnicodeError) as error:
            self.close()
            raise ScrapeFailed(f"the request cannot be made: {error}") from error
        return connection.getresponse()

    def _connect(self, scheme: str, netloc: str, timeout: float) -> None:
        self.close()
        made: http.client.HTTPConnection
        try:
            if self._socket:
                made = _Unix(self._socket, timeout)
            elif scheme == "https":
                made = _Named(netloc, timeout, self._access)
            else:
                made = http.client.HTTPConnection(netloc, timeout=timeout)
        except (http.client.InvalidURL, ValueError) as error:
            raise ScrapeFailed(f"{netloc[:100]!r} is no address: {error}") from error
        # One that was closed, by another thread perhaps, must not open itself again: nobody would close that.
        made.auto_open = 0
        made.response_class = BoundedResponse
        with self._lock:
            self._open, self._host = made, f"{scheme}://{netloc}"
        made.connect()
        with self._lock:
            closed = self._open is not made
            if not closed:
                # Kept because http.client lets go of its own reference to a socket whose answer ends with it.
                self._sock = made.sock
        if closed:
            made.close()
            raise ScrapeFailed("the connection was closed")
        if self._expired:
            raise TimeoutError

    def _body(self, response: http.client.HTTPResponse, end: float) -> Answer:
        if response.status != 200:
            body = response.read(_CHUNK)
            self.close()
            text = f"server returned HTTP status {response.status} {response.reason}"[:200]
            # Only of a role of this host: what others send with an error may be anything.
            why = _detail(body, response.headers.get("Content-Type", "")) if self._socket else ""
            raise ScrapeFailed(f"{text}: {why}" if why else text)
        pieces = self._pieces(response, end)
        if response.headers.get("Content-Encoding", "").strip().lower() == "gzip":
            pieces = _unpacked(pieces, self._most, end)
        parts: list[bytes] = []
        size = 0
        for part in pieces:
            size += len(part)
            if size > self._most:
                self.close()
                raise self._too_long()
            parts.append(part)
        return Answer(b"".join(parts), response.headers.get("Content-Type", "").strip())

    def _pieces(self, response: http.client.HTTPResponse, end: float) -> Iterator[bytes]:
        """The body as it comes; whole, or an error."""
        size = 0
        while data := response.read(_CHUNK):
            if time.monotonic() >= end:
                raise TimeoutError
            size += len(data)
            if size > self._most + _CHUNK:
                self.close()
                raise self._too_long()
            yield data
        if self._expired:
            raise TimeoutError  # the end of a body without a length was `abort`
        if response.length:
            # http.client's read(n) takes a body that was cut for a whole one.
            raise http.client.IncompleteRead(b"", response.length)

    def _too_long(self) -> ScrapeFailed:
        return ScrapeFailed(f"body size limit exceeded ({self._most} bytes)")


def _detail(body: bytes, media: str) -> str:
    """What a problem document says, on one line; empty when it is none."""
    if media.partition(";")[0].strip().lower() != CONTENT_TYPE:
        return ""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    text = found.get("detail") if isinstance(found, dict) else None
    if not isinstance(text, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in text[:_MOST_DETAIL])


def _unpacked(pieces: Iterable[bytes], most: int, end: float) -> Iterator[bytes]:
    """What gzip packed, one member behind another as Go's reader takes them; no more than `most + 1` bytes."""
    unpack, left = zlib.decompressobj(wbits=31), most + 1
    for piece in pieces:
        data = piece
        while data and left:
            if time.monotonic() >= end:
                raise TimeoutError
            if unpack.eof:
                unpack = zlib.decompressobj(wbits=31)
            try:
                part = unpack.decompress(data, left)
            except zlib.error as error:
                raise ScrapeFailed(f"its gzip cannot be read: {error}") from error
            left -= len(part)
            if part:
                yield part
            data = unpack.unused_data
    if not unpack.eof:
        raise ScrapeFailed("its gzip was cut off")


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Named(http.client.HTTPSConnection):
    """TLS to a host under the name that its certificate must have."""

    def __init__(self, netloc: str, timeout: float, access: Access) -> None:
        self._tls, self._name = access.tls(), access.server_name
        super().__init__(netloc, timeout=timeout, context=self._tls)

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name or self.host)


def headers_of(formats: tuple[str, ...], timeout: float, *, compression: bool) -> dict[str, str]:
    """The headers of a scrape, as Prometheus sends them (scrape/scrape.go)."""
    kinds = {
        "OpenMetricsText1.0.0": "application/openmetrics-text;version=1.0.0",
        "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
        "PrometheusText1.0.0": "text/plain;version=1.0.0",
        "PrometheusText0.0.4": "text/plain;version=0.0.4",
    }
    weighed = [f"{kinds[name]};q=0.{len(formats) + 1 - i}" for i, name in enumerate(formats) if name in kinds]
    found = {
        "Accept": ",".join([*weighed, "*/*;q=0.1"]),
        "User-Agent": "paramedic",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout:g}",
    }
    return found | {"Accept-Encoding": "gzip" if compression else "identity"}
