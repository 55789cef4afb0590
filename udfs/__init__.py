"""The pure core: columns in, columns out, no Flink."""

import hashlib as _hashlib
import os as _os
import tempfile as _tempfile
from pathlib import Path as _Path


def _kernel_cache() -> str:
    """Name the folder of compiled kernels after the sources.

    Numba looks only at the file of a kernel itself: after a change to a constant or a callee in another file it would go on with the old
    machine code.
    """
    root = _Path(__file__).resolve().parent.parent
    sources = [path for room in ("udfs", "training", "bench") for path in sorted((root / room).rglob("*.py"))]
    states = [(str(path), state.st_size, state.st_mtime_ns) for path in sources for state in (path.stat(),)]
    base = _Path(_os.environ.get("SWERVE_KERNEL_CACHE") or root / "udfs" / "__pycache__")
    if not _os.access(base if base.exists() else base.parent, _os.W_OK):
        base = _Path(_tempfile.gettempdir()) / f"swerve-{_os.getuid()}"
    return str(base / f"kernels-{_hashlib.blake2b(repr(states).encode(), digest_size=8).hexdigest()}")


# Numba reads this when it is imported; setting it here keeps `swerve --help` free of Numba.
_os.environ["NUMBA_CACHE_DIR"] = _kernel_cache()
