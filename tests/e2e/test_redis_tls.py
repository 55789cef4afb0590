"""Redis by TLS, with a user of its ACL file: what is right writes, what is wrong is said at once, in one line without a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobs import cli
from serving.api.redis_address import RedisAddress
from serving.api.redis_gets import RedisGets
from serving.api.replies import Reply
from tests.e2e.tls_redis import TlsRedis, tls_redis
from tests.unit.redis_batches import assert_holds, put
from udfs.redis_acl import Login, acl_line, admin_line
from udfs.redis_connection import check
from udfs.redis_errors import RedisRefused
from udfs.redis_writes import RedisWriter, Target, Written

JOB, PREFIX, ADMIN = Login("swerve-job", "hush/hush"), "shop:", "topmost"
READER = Login("swerve-api", "quiet")
LOGIN = "swerve-job:hush%2Fhush"
SECRETS = ("hush", "topmost", "wrong-secret")
#: A port of the other kind is only seen when a connection hangs: not for long here.
SOON = "&socket_timeout=0.5"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    folder = tmp_path_factory.mktemp("tls")
    lines = [admin_line(ADMIN), acl_line("job", JOB, (PREFIX,)), acl_line("api", READER, (PREFIX,))]
    (folder / "users.acl").write_text("\n".join(lines) + "\n")
    with tls_redis(folder, ADMIN, {"aclfile": str(folder / "users.acl")}) as running:
        yield running


def test_the_job_writes_by_tls(server: TlsRedis) -> None:
    url = server.url(LOGIN)
    assert check(url).count(".") == 2
    with RedisWriter(Target(url, prefix=PREFIX), {"rec:default:home": b"all"}) as writer:
        assert put(writer, [f"u{i}" for i in range(500)], (5, 1), size=3000) == Written(500, 0, 0)
        assert put(writer, ["u7"], (4, 1)) == Written(0, 1, 0)
    with redis.Redis.from_url(server.url(f":{ADMIN}")) as client:
        assert_holds(client, "u499", (5, 1), size=3000, prefix=PREFIX)
        assert client.acl_log() == []


def test_the_api_reads_by_tls(server: TlsRedis) -> None:
    with redis.Redis.from_url(server.url(f":{ADMIN}")) as client:
        client.set(f"{PREFIX}rec:default:home", b"all" * 100_000)

    async def read(address: str) -> tuple[Reply | None, str]:
        gets = RedisGets(RedisAddress(address), f"{PREFIX}rec:default:home".encode(), 5.0)
        await gets.start()
        try:
            return (await gets.get(f"{PREFIX}rec:default:home".encode()) if gets.connected else None), gets.trouble
        finally:
            await gets.stop()

    api = f"swerve-api:{READER.password}"
    assert asyncio.run(read(server.url(api))) == (b"all" * 100_000, "")
    nothing, trouble = asyncio.run(read(server.url(api, server.other_ca)))
    assert nothing is None
    assert "certificate that is not trusted" in trouble


WRONG: dict[str, tuple[Callable[[TlsRedis], str], str]] = {
    "authority": (lambda one: one.url(LOGIN, one.other_ca), "certificate that is not trusted: self-signed"),
    "no authority": (lambda one: one.url(LOGIN).split("?")[0], "certificate that is not trusted: self-signed"),
    "host": (lambda one: one.url(LOGIN, host="localhost"), "certificate that is not trusted: Hostname mismatch"),
    "password": (lambda one: one.url("swerve-job:wrong-secret"), "refuses the password"),
    "no password": (lambda one: one.url(), "asks for a password"),
    "plain to the TLS port": (lambda one: f"redis://{LOGIN}@127.0.0.1:{one.port}/0", "speaks TLS, the address does not"),
    "plain to the TLS port, no login": (lambda one: f"redis://127.0.0.1:{one.port}/0", "speaks TLS, the address does not"),
    "TLS to the plain port": (lambda one: one.url(LOGIN, more=SOON).replace(str(one.port), str(one.server.port)), "does not speak TLS"),
    "no such file": (lambda one: one.url(LOGIN, Path("none.pem")), r"ssl_ca_certs none.pem: No such file"),
    "no certificates": (lambda one: one.url(LOGIN, Path(__file__)), "ssl_ca_certs .*: it holds nothing of the kind"),
    "a key alone": (lambda one: one.url(LOGIN, more=f"&ssl_keyfile={one.ca}"), "ssl_certfile None with ssl_keyfile"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_at_once_and_in_one_line(server: TlsRedis, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    make, says = WRONG[what]
    url = make(server)
    waited: list[str] = []
    with pytest.raises(RedisRefused, match=says) as caught, RedisWriter(Target(url, prefix=PREFIX), on_wait=waited.append) as writer:
        put(writer, ["ana"], (5, 1))
    assert waited == []
    assert cli.main(["diff", PREFIX, "other:", "--redis", url]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    for text in (str(caught.value), caught.value.hint, err):
        assert "\n" not in text.rstrip("\n")
        assert [secret for secret in SECRETS if secret in text] == []


def test_a_check_of_the_host_can_be_left_out(server: TlsRedis) -> None:
    assert check(server.url(LOGIN, host="localhost", more="&ssl_check_hostname=no"))


def test_a_server_that_asks_for_a_clients_certificate(server: TlsRedis) -> None:
    with redis.Redis.from_url(server.server.url) as client:
        client.config_set("tls-auth-clients", "yes")
        try:
            with RedisWriter(Target(server.url(LOGIN), prefix=PREFIX)) as writer, pytest.raises(RedisRefused, match="certificate required"):
                put(writer, ["ana"], (5, 1))
            pem = server.ca.parent / "server.pem"
            own = server.url(LOGIN, more=f"&ssl_certfile={pem}&ssl_keyfile={pem}")
            with RedisWriter(Target(own, prefix=PREFIX)) as writer:
                assert put(writer, ["ana"], (5, 1)).written == 1
        finally:
            client.config_set("tls-auth-clients", "no")


def test_a_server_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    with tls_redis(tmp_path, ADMIN) as one:
        waited: list[str] = []

        def on_wait(message: str) -> None:
            waited.append(message)
            if len(waited) > 1:
                raise TimeoutError

        with RedisWriter(Target(one.url(f":{ADMIN}")), on_wait=on_wait) as writer:
            put(writer, ["ana"], (5, 1))
            one.server.kill()
            with pytest.raises(TimeoutError):
                put(writer, ["ana"], (5, 2))
        assert all("Redis does not answer" in message for message in waited)
