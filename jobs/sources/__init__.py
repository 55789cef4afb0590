"""Where events come from: a folder of files (`archive`), one that is being written (`follow`), a topic (`kafka`)."""

from jobs.sources.archive import ArchiveSource
from jobs.sources.follow import FollowSource
from jobs.sources.kafka import KafkaSource, Span

__all__ = ["ArchiveSource", "FollowSource", "KafkaSource", "Span"]
