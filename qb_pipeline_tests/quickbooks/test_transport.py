"""How bytes travel: over trusted TLS only, within a deadline, and never through somebody else's machine."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from qb_pipeline.quickbooks import transport
from qb_pipeline.quickbooks.errors import PermanentError, TransientError
from qb_pipeline.quickbooks.transport import IDLE_SECONDS, Connection, Reply, exchange, open_session, watched
from qb_pipeline_tests.quickbooks.wire import Server, answer, drip, say, serving


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with open_session() as opened:
        yield opened


def get(session: requests.Session, url: str, *, seconds: float = 5) -> Reply:
    return exchange(session, "GET", url, seconds=seconds, headers={})


def test_a_whole_answer_comes_back_with_its_tid(server: Server, session: requests.Session):
    server.will(say(answer({"a": 1})))
    reply = get(session, server.url)
    assert (reply.status, reply.body, reply.intuit_tid) == (200, b'{"a": 1}', "1-abc-123")
    assert repr(reply) == "Reply(status=200)"


def test_a_tid_fit_for_no_log_is_dropped(server: Server, session: requests.Session):
    server.will(say(answer({}, headers={"intuit_tid": "1 \x1b[31m"})))
    assert get(session, server.url).intuit_tid == ""


def test_connections_are_used_again(server: Server, session: requests.Session):
    for _ in range(5):
        get(session, server.url)
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_connection_that_idled_long_is_not_trusted(server: Server):
    connection = Connection("127.0.0.1", server.port)
    with watched(5):
        connection.send(b"GET / ")  # not a whole request, so that no answer comes in between
    assert connection.is_connected
    connection.used_at -= IDLE_SECONDS
    assert not connection.is_connected
    connection.close()


def test_a_connection_that_was_cut_at_the_deadline_harms_no_later_request(server: Server, session: requests.Session):
    for _ in range(3):
        server.will(drip(answer({}), seconds=0.05))
        with pytest.raises(TransientError, match="within"):
            get(session, server.url, seconds=0.1)
        assert get(session, server.url).status == 200


def test_no_alarm_outlives_its_request(server: Server, session: requests.Session):
    for _ in range(20):
        get(session, server.url, seconds=60)
    time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_break_in_the_body_is_still_traceable(server: Server, session: requests.Session):
    whole = answer({"a": 1}, status=503)
    server.will(lambda connection, request: connection.sendall(whole[:-3]) or connection.shutdown(socket.SHUT_RDWR))
    with pytest.raises(TransientError) as caught:
        get(session, server.url)
    assert (caught.value.http_status, caught.value.intuit_tid, caught.value.sent) == (503, "1-abc-123", True)


def test_an_answer_that_never_ends_is_not_read_to_the_end(server: Server, session: requests.Session):
    """Zipped zeros: 64 KB on the wire, 65 MB for whoever believes them."""
    zeros = gzip.compress(bytes(transport.MAX_ANSWER_BYTES + 1))
    server.will(say(answer(zeros, headers={"Content-Encoding": "gzip"})))
    with pytest.raises(TransientError, match="no complete answer"):
        get(session, server.url, seconds=20)


@pytest.mark.slow
def test_a_permission_that_is_not_fresh_lets_no_byte_leave(server: Server, session: requests.Session):
    """Its process was stopped right after it got it, say: whoever came after must not meet its request."""
    seconds = transport.FRESH_SECONDS + 0.1
    with pytest.raises(TransientError, match="nothing was sent") as caught:
        exchange(session, "GET", server.url, seconds=30, headers={}, guard=lambda: time.sleep(seconds))
    assert (caught.value.sent, server.requests) == (False, [])


def test_the_guard_is_asked_once_for_each_request(server: Server, session: requests.Session):
    asked: list[str] = []
    for method in ("POST", "GET"):
        exchange(session, method, server.url, seconds=5, headers={}, guard=lambda method=method: asked.append(method))
    assert (asked, len(server.requests)) == (["POST", "GET"], 2)


def test_cookies_are_not_kept(server: Server, session: requests.Session):
    server.usual = say(answer({}, headers={"Set-Cookie": "a=b; Path=/"}))
    get(session, server.url)
    get(session, server.url)
    assert "cookie" not in server.requests[1].headers


def test_a_netrc_of_the_machine_is_not_sent(
    server: Server, tmp_path: Path, session: requests.Session, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    get(session, server.url)
    assert "authorization" not in server.requests[0].headers


def test_a_host_that_swallows_the_request_sends_nothing_back_in_time(session: requests.Session):
    """The backlog is full, so connecting takes as long as it may; no byte leaves afterwards."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(TransientError) as caught:
            get(session, f"http://127.0.0.1:{port}", seconds=0.3)
        for filler in fillers:
            filler.close()
    assert not caught.value.sent


# TLS


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        usage = x509.KeyUsage(*[True] + [False] * 4, True, True, False, False)  # signs certificates and lists
        built = self._build(self._name, self._key, timedelta(days=1)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        certificate = built.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str, *, life: timedelta) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        built = self._build(name, key, life).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = built.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        path = self._folder / f"{host}-{life.days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _build(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def behind_tls(context: ssl.SSLContext) -> Iterator[Server]:
    with serving(tls=context) as running:
        yield running


@pytest.fixture(autouse=True)
def no_authority_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in transport.CA_BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def trusting(authority: Authority, variable: str, monkeypatch: pytest.MonkeyPatch) -> requests.Session:
    monkeypatch.setenv(variable, str(authority.bundle))
    return open_session()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_authority_of_the_environment_is_trusted(
    authority: Authority, variable: str, monkeypatch: pytest.MonkeyPatch
):
    with (
        behind_tls(authority.issue("127.0.0.1", life=timedelta(days=1))) as server,
        trusting(authority, variable, monkeypatch) as session,
    ):
        assert get(session, server.url).status == 200


@pytest.mark.parametrize(
    ("host", "days", "trusted"),
    [("127.0.0.1", 1, False), ("127.0.0.2", 1, True), ("127.0.0.1", -1, True)],
    ids=["self-made authority", "another host's", "expired"],
)
def test_a_bad_certificate_ends_it_and_nothing_is_sent(
    authority: Authority, host: str, days: int, trusted: bool, monkeypatch: pytest.MonkeyPatch
):
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with behind_tls(authority.issue(host, life=timedelta(days=days))) as server, open_session() as session:
        with pytest.raises(PermanentError, match="certificate is not trusted; nothing was sent"):
            get(session, server.url)
        assert server.requests == []


def test_an_old_protocol_is_not_spoken(authority: Authority, monkeypatch: pytest.MonkeyPatch):
    context = authority.issue("127.0.0.1", life=timedelta(days=1))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with behind_tls(context) as server, trusting(authority, "SSL_CERT_FILE", monkeypatch) as session:
        with pytest.raises(TransientError) as caught:
            get(session, server.url)
        assert (caught.value.sent, server.requests) == (False, [])


def test_a_drip_over_tls_ends_at_the_deadline_too(authority: Authority, monkeypatch: pytest.MonkeyPatch):
    with (
        behind_tls(authority.issue("127.0.0.1", life=timedelta(days=1))) as server,
        trusting(authority, "SSL_CERT_FILE", monkeypatch) as session,
    ):
        server.will(drip(answer({"a": 1}), seconds=0.05))
        started = time.monotonic()
        with pytest.raises(TransientError, match=r"within 0\.3 s; the request may have arrived"):
            get(session, server.url, seconds=0.3)
        assert time.monotonic() - started < 1.5
        assert get(session, server.url).status == 200
