"""Follows a model's pointer: what it names is loaded and checked beside the work, and handed over between two batches.

A version that does not pass is refused with a reason, and the one that serves goes on. It is not tried again until its files or the pointer
change. Why it is done this way: docs/decisions/0010-live-models.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from models.approval import Terms, approve
from models.bundle import Bundle
from models.pointer import CURRENT, Pointer
from models.registry import serving_folder
from udfs.tables import BundleError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Prepare = Callable[[Bundle], T]
"""Makes what an operator works with, so that nothing is left to do when it is handed over."""
Stamp = tuple[object, ...] | None

log = logging.getLogger(__name__)


class Refused(NamedTuple):
    """A version that must not serve, and why."""

    version: str
    reason: str


@dataclass(frozen=True)
class State:
    """What a follower is at.

    Attributes
    ----------
    name
        Of the model.
    version
        What the next batch is worked with.
    refused
        What the pointer names, if it is refused.
    """

    name: str
    version: str
    refused: Refused | None


Look = Callable[[State], None]
"""Told after every look what there is."""


class Source(Protocol[T_co]):
    """Where an operator gets its model from."""

    def begin(self) -> T_co:
        """Give the first."""

    def take(self) -> T_co | None:
        """Give another one, if there is one; it serves from now on."""

    def refusals(self) -> int:
        """Count what was refused since this was last asked."""

    def close(self) -> None:
        """End."""


class Pinned(Generic[T]):
    """One bundle, for ever.

    Parameters
    ----------
    path
        Its folder, or that of a model: what its pointer names when it begins.
    prepare
        What is made of it.
    """

    def __init__(self, path: Path, prepare: Prepare[T]) -> None:
        self._path, self._prepare = path, prepare

    def begin(self) -> T:
        """Open it."""
        return self._prepare(Bundle.open(serving_folder(self._path)))

    def take(self) -> T | None:
        """Give nothing."""
        return None

    def refusals(self) -> int:
        """Give 0."""
        return 0

    def close(self) -> None:
        """Do nothing."""


class Follower(Generic[T]):
    """What the pointer of a model names, as it moves.

    `look` is one look at the pointer, and does all that it asks for; `begin` starts a thread that looks every `poll_seconds`, so that a job
    without traffic has the new version ready for its next batch. `take` costs nothing.

    Parameters
    ----------
    folder
        Of the model: the pointer and the versions.
    terms
        What a bundle has to pass.
    prepare
        What is made of one that does.
    poll_seconds
        Between two looks; none: only `look` looks.
    on_look
        Told after every look, in the thread that looked.
    on_close
        Called at the end.
    """

    def __init__(
        self,
        folder: Path,
        terms: Terms,
        prepare: Prepare[T],
        poll_seconds: float | None = 1.0,
        on_look: Look = lambda _: None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder, self._terms, self._prepare, self._on_look, self._on_close = folder, terms, prepare, on_look, on_close
        self._poll_seconds = poll_seconds
        self._name = folder.resolve().name
        self._pointer: Stamp = None
        self._lock = threading.Lock()
        self._serving: tuple[str, Stamp] = ("", None)
        self._ready: tuple[tuple[str, Stamp], T] | None = None
        self._refused: Refused | None = None
        self._bad: dict[str, tuple[tuple[object, ...], str]] = {}
        self._refusals = 0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """What there is now."""
        with self._lock:
            version, _ = self._ready[0] if self._ready else self._serving
            return State(self._name, version, self._refused)

    def begin(self) -> T:
        """Give what the pointer names; if that is refused, what served before it, the last first.

        Raises
        ------
        BundleError
            There is no pointer, or nothing that it knows of passes: why what it names does not.
        """
        self.look()
        made = self.take()
        if made is None:
            assert self._refused is not None
            raise BundleError(self._refused.reason)
        if self._refused is not None:
            log.warning("model %s: version %s serves", self._name, self._serving[0])
        if self._poll_seconds is not None:
            # A daemon, so that an operator that is not closed does not hold its process.
            self._thread = threading.Thread(target=self._watch, args=(self._poll_seconds,), name=f"model {self._name}", daemon=True)
            self._thread.start()
        return made

    def take(self) -> T | None:
        """Give another version, if there is one that passed; it serves from now on."""
        with self._lock:
            if self._ready is None:
                return None
            (self._serving, made), self._ready = self._ready, None
            return made

    def refusals(self) -> int:
        """Count what was refused since this was last asked."""
        with self._lock:
            count, self._refusals = self._refusals, 0
            return count

    def close(self) -> None:
        """End the thread; what it is loading is waited for."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._on_close()

    def look(self) -> None:
        """Look at the pointer, and load what it names if that is something else. It is one `stat` if nothing is."""
        stamp = _stamp_of_file(self._folder / CURRENT)
        if stamp != self._pointer or stamp is None or self._refused is not None:
            self._refuse(self._follow(stamp))
            self._pointer = stamp
        self._on_look(self.state)

    def _follow(self, stamp: Stamp) -> Refused | None:
        """Load the first that passes of what the pointer names and what it named before: all who follow end with the same.

        Gives what it names, if that does not pass.
        """
        try:
            pointer = Pointer.read(self._folder)
        except BundleError as error:
            return Refused("", error.message)
        refused = None
        for version in dict.fromkeys((pointer.version, *pointer.previous)):
            key = (version, _stamp_of(self._folder / version))
            if self._has(key):
                break
            if (*key, stamp) != self._bad.get(version, ((), ""))[0]:
                try:
                    made = self._make(version)
                except BundleError as error:
                    self._bad[version] = ((*key, stamp), error.message)
                else:
                    self._bad.pop(version, None)
                    log.info("model %s: version %s takes over", self._name, version)
                    with self._lock:
                        self._ready = (key, made)
                    break
            if version == pointer.version:
                refused = Refused(version, self._bad[version][1])
        return refused

    def _has(self, key: tuple[str, Stamp]) -> bool:
        """Tell whether this is what the next batch is worked with."""
        with self._lock:
            if key == self._serving:
                self._ready = None  # the pointer went there and back between two batches
            return key == (self._ready[0] if self._ready else self._serving)

    def _make(self, version: str) -> T:
        try:
            return self._prepare(approve(self._folder / version, self._terms).bundle)
        except BundleError:
            raise
        except Exception as error:  # whatever is the matter with it, the one that serves goes on
            raise BundleError(f"{self._folder / version}: {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error

    def _refuse(self, refused: Refused | None) -> None:
        with self._lock:
            known, self._refused = self._refused, refused
            if refused is None or refused == known:
                return
            self._refusals += 1
        what = f"version {refused.version}" if refused.version else "the pointer"
        log.warning("model %s: %s is refused: %s", self._name, what, refused.reason)

    def _watch(self, poll_seconds: float) -> None:
        while not self._end.wait(poll_seconds):
            try:
                self.look()
            except Exception:  # the next look may go better, and the version that serves goes on
                log.exception("model %s: could not look at its pointer", self._name)


def _stamp_of_file(path: Path) -> Stamp:
    """Tell a file from what it was before; none: it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _stamp_of(folder: Path) -> Stamp:
    """Tell a folder from what it was before, by its files."""
    try:
        return tuple((path.name, _stamp_of_file(path)) for path in sorted(folder.iterdir()))
    except OSError:
        return None
