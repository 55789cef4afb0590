"""Settings: what they are (`model`) and how they are read (`load`)."""

from jobs.settings.load import load_settings
from jobs.settings.model import RedisSettings, Settings, mask_url

__all__ = ["RedisSettings", "Settings", "load_settings", "mask_url"]
