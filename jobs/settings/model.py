"""The effective settings: one typed, frozen object, from defaults, a YAML file, the environment and flags (later ones win).

pydantic alone, not pydantic-settings: that one passes over environment variables it does not know, and here an unknown key is an error.
"""

from __future__ import annotations

import json
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

Count = Annotated[int, Field(ge=1)]
Surface = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
MASK = "********"
_SECRET = re.compile(r"password|secret|jaas|credential|token|\.key$", re.IGNORECASE)


def _pairs(text: Any) -> Any:
    """Read properties from one text: JSON, or name=value separated by commas."""
    if not isinstance(text, str):
        return text
    if text.lstrip().startswith("{"):
        return json.loads(text)
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("should be name=value,name=value or JSON")
    return {name.strip(): value.strip() for name, _, value in pairs}


Properties = Annotated[dict[str, str], BeforeValidator(_pairs)]


class Section(BaseModel):
    """A group of settings; a key that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: ValidationInfo) -> Any:
        # Flags and environment variables are text: they need a way to write "nothing" and a list.
        if isinstance(value, str) and info.field_name:
            kind = cls.model_fields[info.field_name].annotation
            if value.strip().lower() in ("", "none", "null") and _optional(kind):
                return None
            if get_origin(kind) is tuple:
                return tuple(part.strip() for part in value.split(",")) if value.strip() else ()
        return value


class RedisSettings(Section):
    """Where recommendations go."""

    url: str | None = Field(default=None, repr=False)
    """redis://, rediss:// or unix:// address; none: the command starts a server of its own."""
    password: SecretStr | None = None
    """Used where the address has none."""
    prefix: str = ""
    """Put before every key."""
    ttl_seconds: Count = 7 * 24 * 3600
    """Lifetime of a user's keys after the last write."""
    keep_profile: bool = True
    """Store the profile beside the recommendations, for `swerve explain`."""

    @property
    def secret(self) -> str | None:
        """The password, for whoever connects."""
        return self.password.get_secret_value() if self.password else None

    @property
    def masked_url(self) -> str:
        """The address without its password, for people and logs."""
        return mask_url(self.url) if self.url else "an embedded server"

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("redis", "rediss", "unix") or not urlsplit(url).netloc + urlsplit(url).path):
            raise ValueError("should look like redis://host:6379/0, rediss://… or unix:///path")
        return url


class RankSettings(Section):
    """Which events ask for a ranking, and what it gives."""

    on: Literal["every_event", "triggers"] = "every_event"
    """`triggers`: only a shift, a cart, a purchase, an abandoned cart, and every n-th event of a user."""
    every: Count = 8
    """That n."""
    candidates: Count = 100
    """Items scored for a user."""
    top: Count = 20
    """Items written for a user."""
    category_percent: Annotated[int, Field(ge=1, le=100)] = 100
    """How many percent of the items may be of one category while there are others; 100: the ranker alone decides."""
    surfaces: tuple[Surface, ...] = Field(default=("home",), min_length=1)
    """Places in the shop that show recommendations; one Redis key each."""
    latest_only: bool = True
    """Of the requests of one user that meet in a batch, rank the last; no: all of them, as a log of what would have been shown."""
    hold_back: bool | None = None
    """Rank only a user's last request of a run; none: in a replay yes, live no."""

    @model_validator(mode="after")
    def _enough_candidates(self) -> RankSettings:
        if self.top > self.candidates:
            raise ValueError(f"rank.top ({self.top}) should not be above rank.candidates ({self.candidates})")
        return self


class StateSettings(Section):
    """Keyed state."""

    buckets: Annotated[int, Field(ge=1, le=32768)] = 64
    """Keys that users are spread over; fixed for the life of a state."""
    cache_profiles: Count = 200_000
    """Profiles kept unpacked beside the state, for each parallel operator."""


class BatchSettings(Section):
    """How much goes through Python at once; results do not depend on it."""

    events: Count = 64_000
    """Events in a batch of a replay, about."""
    rows: Count = 64
    """Rows in an Arrow batch at most. In a replay a row to collapse is a part of an archive, one to rank the requests of a bucket."""
    bundle_ms: Count = 1_000
    """Longest wait of a replay for a batch to fill, in milliseconds."""
    records: Count = 20_000
    """Records of a topic in a batch at most."""
    live_ms: Count = 50
    """Longest wait of a live job for a batch to fill, in milliseconds: what an event waits where there is little traffic."""


class TimeSettings(Section):
    """Event time, in milliseconds."""

    lateness_ms: Annotated[int, Field(ge=0)] = 60_000
    """How far the live watermark stays behind the newest event."""
    future_ms: Annotated[int, Field(ge=0)] = 60_000
    """How far ahead of the clock an event may be before it is a dead letter."""


class LimitSettings(Section):
    """What is too much."""

    max_bytes: Count = 1_000_000
    """Largest event value."""


class CheckpointSettings(Section):
    """Flink's checkpoints."""

    interval_ms: Annotated[int, Field(ge=10)] = 5_000
    """Time between two."""
    dir: Path = Path(".swerve/checkpoints")
    """Where they lie."""
    keep: bool = False
    """Leave the last one when a run is cancelled."""


class ModelSettings(Section):
    """Which bundle serves."""

    path: Path = Path("models/default")
    """Folder of a bundle; or of a model in a registry, NAME with its pointer `current`, which a live job follows."""
    registry: Path = Path("models")
    """Folder of the registry that `swerve models` looks after: NAME/VERSION/ and NAME/current."""
    poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """How often a live job looks whether the pointer has moved."""
    max_us_per_user: Count = 5_000
    """What ranking a shopper may take, in microseconds: a bundle that takes longer is refused."""


class KafkaSettings(Section):
    """The brokers."""

    brokers: str = Field(default="127.0.0.1:9092", min_length=1)
    """Bootstrap servers, host:port, separated by commas."""
    group: str = Field(default="swerve", min_length=1)
    """Consumer group; its committed offsets are what `start: committed` begins at."""
    start: Literal["committed", "earliest", "latest", "timestamp"] = "committed"
    """Where a live job without a savepoint begins; where nothing is committed yet, at the earliest record."""
    start_time: int | None = None
    """For `start: timestamp`: milliseconds since 1970."""
    idle_ms: Count = 1_000
    """A partition without records for so long does not hold the watermark."""
    properties: Properties = Field(default={}, repr=False)
    """Properties of Kafka's own clients by their Java names, such as security.protocol; for source, sinks and tools alike."""

    @model_validator(mode="after")
    def _has_time(self) -> KafkaSettings:
        if self.start == "timestamp" and self.start_time is None:
            raise ValueError("kafka.start is timestamp: kafka.start_time should say which")
        return self


class RegistrySettings(Section):
    """The schema registry."""

    url: str | None = Field(default=None, repr=False)
    """Base of its Confluent API; none: the schema ids of `avro/ids.json`."""
    user: str | None = None
    """Login."""
    password: SecretStr | None = None
    """Its password."""
    ca: Path | None = None
    """PEM file of the authority that its certificate is signed by."""
    cache: Path | None = Path(".swerve/schemas")
    """Folder that keeps schemas by id, so that a restart does not need the registry for those known."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError("should look like http://host:8081")
        return url

    @property
    def masked_url(self) -> str:
        """The address without its password, for people and logs."""
        return mask_url(self.url) if self.url else "avro/ids.json"


class TopicSettings(Section):
    """Names of the topics."""

    events: Topic = "shop.events.v1"
    """What shoppers do."""
    dead_letters: Topic = "shop.events.v1.dlq"
    """What was no good event, as it came."""
    segments: Topic = "shop.segments.v1"
    """Segment changes."""
    recommendations: Topic = "shop.recommendations.v1"
    """What was shown, and why."""
    catalog: Topic = "shop.catalog.v1"
    """The items of the shop, compacted."""


class ClusterSettings(Section):
    """The Flink cluster."""

    url: str | None = None
    """REST address of its JobManager; none: Flink runs in the command's own process."""
    python: str | None = None
    """Python on the cluster's machines; none: what the cluster's own configuration says."""


class OutSettings(Section):
    """What the job emits beside Redis."""

    dir: Path = Path(".swerve/out")
    """Folder of the archives it writes."""
    everything: bool = False
    """Write segment changes and recommendations as well as dead letters."""


class ServingSettings(Section):
    """The collector and the HTTP API."""

    host: str = "127.0.0.1"
    """Address it listens on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Its port; 0: a free one."""
    allow_origins: tuple[str, ...] = ()
    """Origins whose pages may call it (CORS), such as https://shop.example; none: pages of its own host only."""
    write_key: SecretStr | None = None
    """What senders of events have to show; none: whoever reaches the collector may send. Pages hold it, so it is no secret to a visitor."""
    write_keys_before: tuple[SecretStr, ...] = ()
    """Keys that are accepted as well, while pages with another are still about."""
    token_secret: SecretStr | None = None
    """What user tokens are signed with (HS256): 32 characters at least, known to the shop's back end and to nobody else."""
    token_secrets_before: tuple[SecretStr, ...] = ()
    """Secrets that are accepted as well, while another one takes their place."""
    token_audience: str | None = None
    """What the aud of a token has to be; none: nothing is asked."""
    token_issuer: str | None = None
    """What the iss of a token has to be; none: nothing is asked."""
    tokens: Literal["required", "off"] = "required"
    """Whether a user's recommendations are given only to her signed, expiring token; off: to everybody, for a demo."""
    admin_key: SecretStr | None = None
    """What the operator's routes ask for; none: they are closed."""
    into: str | None = None
    """Where the collector writes: kafka:TOPIC, or a folder that `swerve run --source` follows; none: it takes no events."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 1
    """Partitions of the archive in that folder."""
    spool: Path = Path(".swerve/spool")
    """Folder that keeps events while Kafka does not acknowledge them; each collector has its own, on a disk that outlasts it."""
    spool_mb: Count = 256
    """What it may hold, in MiB; then senders are told to come back later."""
    patience_ms: Annotated[int, Field(ge=100, le=60_000)] = 1_500
    """How long Kafka may take to acknowledge before events are spooled."""
    body_bytes: Count = 1_000_000
    """Largest body of a request, also after it was decompressed."""
    batch_events: Count = 500
    """Most events in a body."""
    event_bytes: Count = 16_384
    """Most bytes of an event's texts."""
    oldest_hours: Count = 168
    """How old an event may be when it comes in."""
    country_header: str | None = None
    """Header in which the content network in front writes a visitor's country, such as cf-ipcountry."""
    address_header: str | None = None
    """Header in which the proxy in front writes a visitor's address, such as x-forwarded-for; none: the connection's address counts."""
    key_rate: Annotated[float, Field(ge=0)] = 0.0
    """Events a second of one write key; 0: no limit. Ten seconds of it may come at once."""
    address_rate: Annotated[float, Field(ge=0)] = 0.0
    """Events a second of one address; 0: no limit. Behind a proxy, set address_header too."""
    model: Path | None = None
    """Bundle, or folder of a model whose pointer is followed, for ranking by the actions of a visit and for explanations; none: neither."""
    catalogue: Path | None = None
    """The articles (catalog.csv) of a shop to look at; none: there is no shop."""
    watchers: Count = 64
    """Live views that may be open at a time."""
    cache_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """How long a browser may show a list before it asks again; 0: it asks each time, and is told if nothing has changed."""
    redis_timeout_ms: Annotated[int, Field(ge=1, le=10_000)] = 50
    """How long Redis may take; after that a list comes from memory."""
    remember: Annotated[int, Field(ge=1)] = 4096
    """Shoppers whose last lists are kept in memory, for when Redis is away."""
    metrics: Literal["open", "admin"] = "open"
    """Whether /metrics asks for the admin key."""


class Settings(Section):
    """All settings of a run.

    Examples
    --------
    >>> Settings().with_values({"rank.top": 5}).rank.top
    5
    """

    redis: RedisSettings = RedisSettings()
    rank: RankSettings = RankSettings()
    state: StateSettings = StateSettings()
    batch: BatchSettings = BatchSettings()
    time: TimeSettings = TimeSettings()
    limits: LimitSettings = LimitSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    model: ModelSettings = ModelSettings()
    out: OutSettings = OutSettings()
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    topics: TopicSettings = TopicSettings()
    cluster: ClusterSettings = ClusterSettings()
    serving: ServingSettings = ServingSettings()
    parallelism: Annotated[int, Field(ge=1, le=128)] = 1
    """Parallel instances of every operator."""
    work: Path = Path(".swerve")
    """Folder for logs and what a run keeps between commands."""

    @model_validator(mode="after")
    def _enough_buckets(self) -> Settings:
        if self.state.buckets < self.parallelism:
            raise ValueError(f"state.buckets ({self.state.buckets}) should not be below parallelism ({self.parallelism})")
        return self

    def with_values(self, values: dict[str, Any]) -> Settings:
        """Copy with some values set, by dotted key; they are checked like any other."""
        # Only what was set: a default stays one.
        document = self.model_dump(exclude_unset=True)
        for key, value in values.items():
            *sections, name = key.split(".")
            target: dict[str, Any] = document
            kind: Any = type(self)
            for section in sections:
                target, kind = target.setdefault(section, {}), kind.model_fields[section].annotation
            if name not in kind.model_fields:
                raise KeyError(key)
            target[name] = value
        return Settings.model_validate(document)

    def masked(self) -> dict[str, Any]:
        """Give all values ready for JSON, secrets masked."""
        document = self.model_dump(mode="json")
        document["redis"]["password"] = MASK if self.redis.password else None
        document["redis"]["url"] = self.redis.masked_url if self.redis.url else None
        document["registry"]["password"] = MASK if self.registry.password else None
        document["registry"]["url"] = self.registry.masked_url if self.registry.url else None
        document["kafka"]["properties"] = {name: MASK if _SECRET.search(name) else value for name, value in self.kafka.properties.items()}
        return document


def mask_url(url: str) -> str:
    """Replace what an address holds of secrets: its password, and the values of its query.

    Examples
    --------
    >>> mask_url("redis://ana:secret@shop:6379/0")
    'redis://ana:********@shop:6379/0'
    """
    parts = urlsplit(url)
    netloc = parts.netloc
    if "@" in netloc:
        login, host = netloc.rsplit("@", 1)
        netloc = f"{login.split(':', 1)[0]}:{MASK}@{host}" if ":" in login else f"{login}@{host}"
    query = "&".join(f"{pair.split('=', 1)[0]}={MASK}" if "pass" in pair.lower() else pair for pair in parts.query.split("&") if pair)
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def _optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)
