"""Where events come from: a folder of files (`archive`), a topic (`kafka`)."""

from jobs.sources.archive import ArchiveSource
from jobs.sources.kafka import KafkaSource, Span

__all__ = ["ArchiveSource", "KafkaSource", "Span"]
