"""The collector."""

from serving.collector.archive_log import ArchiveLog
from serving.collector.counters import Counters
from serving.collector.kafka_log import KafkaLog, KafkaLogOptions
from serving.collector.log import Event, EventLog, LogUnavailable
from serving.collector.options import CollectorOptions
from serving.collector.part import Collector
from serving.collector.spool import Spool

__all__ = [
    "ArchiveLog",
    "Collector",
    "CollectorOptions",
    "Counters",
    "Event",
    "EventLog",
    "KafkaLog",
    "KafkaLogOptions",
    "LogUnavailable",
    "Spool",
]
