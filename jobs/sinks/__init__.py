"""Where everything but the recommendations in Redis goes: files (`archive`), topics (`kafka`)."""

from jobs.sinks.archive import ArchiveSinks
from jobs.sinks.kafka import KafkaSinks

__all__ = ["ArchiveSinks", "KafkaSinks"]
