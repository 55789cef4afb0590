"""What the collector is told, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class CollectorOptions:
    """Limits, keys and origins.

    Attributes
    ----------
    write_keys
        One of them has to be shown; none: whoever reaches the collector may send.
    allow_origins
        Pages of other hosts that may send, each as scheme, host and port; ``*``: all.
    body_bytes
        Largest body, also after it was decompressed.
    batch_events, event_bytes
        Most events in a body, and most bytes of the texts of one.
    text_bytes, id_bytes
        Longest text, and longest of those that are ids.
    oldest_ms
        How old an event may be.
    skew_ms
        A client's clock is corrected where it is off by more than this.
    country_header, address_header
        Headers in which a proxy in front says where a request comes from; none: it says nothing.
    under_way_bytes
        Bodies that may wait for the log at a time.
    remember
        Event ids that are remembered, to know those that are sent again.
    key_rate, address_rate
        Events a second of a write key and of an address; 0: no limit. `burst_seconds` of it may come at once.
    """

    write_keys: tuple[str, ...] = field(default=(), repr=False)
    allow_origins: tuple[str, ...] = ()
    body_bytes: int = 1_000_000
    batch_events: int = 500
    event_bytes: int = 16_384
    text_bytes: int = 1_024
    id_bytes: int = 256
    oldest_ms: int = 7 * DAY_MS
    skew_ms: int = 5_000
    country_header: str | None = None
    address_header: str | None = None
    under_way_bytes: int = 64 * 2**20
    remember: int = 500_000
    key_rate: float = 0.0
    address_rate: float = 0.0
    burst_seconds: float = 10.0
