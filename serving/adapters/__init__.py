"""Events in the shapes of others, as ours: pure functions from a JSON body to events that the collector then checks like any other."""

from serving.adapters.adapted import Adapted, Adapter, Unreadable
from serving.adapters.ga4 import from_ga4
from serving.adapters.segment import from_segment
from serving.adapters.snowplow import from_snowplow

ADAPTERS: dict[str, Adapter] = {"ga4": from_ga4, "segment": from_segment, "snowplow": from_snowplow}
"""By the last part of the collector's path."""

__all__ = ["ADAPTERS", "Adapted", "Adapter", "Unreadable", "from_ga4", "from_segment", "from_snowplow"]
