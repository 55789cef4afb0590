"""The Java parts: what is locked, and that nothing else gets in. Without a network."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from jobs.dev.artifacts import ensure, fetcher_lock, place
from jobs.dev.locking import LOCK, WANTED, Coordinate, Fetcher, Locked, locked, sha256
from udfs.errors import SwerveError

Source = Callable[[], AbstractContextManager[Callable[[Coordinate], Path]]]


def source(folder: Path, contents: dict[str, bytes], asked: list[str] | None = None) -> Source:
    """A repository in a folder."""

    @contextmanager
    def opened() -> Iterator[Callable[[Coordinate], Path]]:
        folder.mkdir(exist_ok=True)

        def fetch(coordinate: Coordinate) -> Path:
            if asked is not None:
                asked.append(str(coordinate))
            path = folder / coordinate.file
            path.write_bytes(contents[str(coordinate)])
            return path

        yield fetch

    return opened


def entry(folder: Path, name: str, content: bytes) -> Locked:
    path = folder / "locked"
    path.write_bytes(content)
    return Locked(Coordinate.parse(name), sha256(path), len(content))


def both(tmp_path: Path) -> tuple[Sequence[Locked], dict[str, bytes]]:
    contents = {"a.b:one:1": b"one", "a.b:two:2:jar:x": b"two"}
    return [entry(tmp_path, name, content) for name, content in contents.items()], contents


@pytest.mark.parametrize("text", ["a:b:1", "a:b:1:tar.gz", "a:b:1:tar.gz:all", "a:b:1:jar:x"])
def test_a_coordinate_reads_as_it_is_written(text: str) -> None:
    assert str(Coordinate.parse(text)) == text


@pytest.mark.parametrize("text", ["a:b", "a:b:1:2:3:4", "a::1", "a:../b:1", "a:b/c:1"])
def test_what_is_no_coordinate_is_said(text: str) -> None:
    with pytest.raises(SwerveError, match="is no coordinate"):
        Coordinate.parse(text)


def test_every_wanted_part_is_locked_with_a_checksum() -> None:
    for name, wanted in yaml.safe_load(WANTED.read_text()).items():
        files = locked(name)
        assert {str(file.coordinate) for file in files} >= set(wanted["roots"])
        assert all(len(bytes.fromhex(file.sha256)) == 32 and file.size > 0 for file in files)
        assert len({file.coordinate.file for file in files}) == len(files)
    assert len(locked("kafka")) > 80


def test_a_lock_that_is_older_than_the_wanted_versions_is_refused(tmp_path: Path) -> None:
    wanted = tmp_path / "artifacts.yaml"
    wanted.write_text(WANTED.read_text().replace("5.0.0-2.2", "5.0.1-2.2"))
    with pytest.raises(SwerveError, match="swerve dev lock"):
        locked("connector", wanted, LOCK)
    assert locked("kafka", wanted, LOCK)
    with pytest.raises(SwerveError, match="nothing-such"):
        locked("nothing-such")


def test_files_are_fetched_once_and_checked(tmp_path: Path) -> None:
    files, contents = both(tmp_path)
    asked: list[str] = []
    root = tmp_path / "cache"
    folder = place(root, "kafka", files, source(tmp_path / "m2", contents, asked))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"one-1.jar": b"one", "two-2-x.jar": b"two"}
    assert place(root, "kafka", files, source(tmp_path / "m2", contents, asked)) == folder
    assert sorted(asked) == sorted(contents)
    assert [path.name for path in root.iterdir()] == [folder.name], "nothing half-made is left"


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    files, contents = both(tmp_path)
    with pytest.raises(SwerveError, match=r"^a\.b:two:2:jar:x is not the file that was locked"):
        place(tmp_path / "cache", "kafka", files, source(tmp_path / "m2", {**contents, "a.b:two:2:jar:x": b"evil"}))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_cache_is_fetched_anew(tmp_path: Path) -> None:
    files, contents = both(tmp_path)
    folder = place(tmp_path / "cache", "kafka", files, source(tmp_path / "m2", contents))
    (folder / "one-1.jar").write_bytes(b"on")
    assert place(tmp_path / "cache", "kafka", files, source(tmp_path / "m2", contents)) == folder
    assert (folder / "one-1.jar").read_bytes() == b"one"


def test_another_lock_is_another_folder(tmp_path: Path) -> None:
    files, contents = both(tmp_path)
    first = place(tmp_path / "cache", "kafka", files, source(tmp_path / "m2", contents))
    second = place(tmp_path / "cache", "kafka", files[:1], source(tmp_path / "m2", contents))
    assert first != second
    assert len(list(first.iterdir())) == 2


def archive(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = 2
        tar.addfile(info, io.BytesIO(b"hi"))
    return out.getvalue()


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    content = archive("app/run.jar")
    files = [entry(tmp_path, "a:app:1:tar.gz:all", content)]
    folder = place(tmp_path / "cache", "registry", files, source(tmp_path / "m2", {"a:app:1:tar.gz:all": content}))
    assert (folder / "app" / "run.jar").read_bytes() == b"hi"


def test_an_archive_stays_in_its_folder(tmp_path: Path) -> None:
    content = archive("../out.jar")
    files = [entry(tmp_path, "a:app:1:tar.gz:all", content)]
    with pytest.raises(tarfile.FilterError):
        place(tmp_path / "cache", "registry", files, source(tmp_path / "m2", {"a:app:1:tar.gz:all": content}))
    assert not (tmp_path / "cache" / "out.jar").exists()


def test_two_processes_do_not_fetch_at_once(tmp_path: Path) -> None:
    import fcntl

    with fetcher_lock(tmp_path, "kafka"), (tmp_path / ".kafka.lock").open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / ".kafka.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_no_network_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of loopback: nobody listens, which is what a machine without a network looks like.
    config = tmp_path / "jgo.conf"
    config.write_text("[repositories]\ncentral = http://127.0.0.1:9/none\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("SWERVE_ARTIFACTS", str(tmp_path / "cache"))
    with pytest.raises(
        SwerveError, match=r"^org\.apache\.flink:flink-sql-connector-kafka:\S+ cannot be fetched: ConnectionError \(is the"
    ) as caught:
        ensure("connector")
    assert isinstance(caught.value.__cause__, requests.ConnectionError)
    with pytest.raises(SwerveError, match=r"^what a:b:1 needs cannot be read"):
        Fetcher(tmp_path / "m2").closure([Coordinate("a", "b", "1")])


def test_the_lock_file_is_as_the_command_writes_it() -> None:
    text = LOCK.read_text()
    assert json.dumps(json.loads(text), indent=1) + "\n" == text
