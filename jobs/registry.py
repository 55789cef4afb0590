"""The schema registry that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from udfs.registry import RegistrySchemas

if TYPE_CHECKING:
    from jobs.settings.model import RegistrySettings


def registry_of(settings: RegistrySettings, *, cached: bool = False) -> RegistrySchemas | None:
    """Give its client; None where the settings name none.

    Parameters
    ----------
    settings
        The section.
    cached
        Keep schemas in the folder of the settings, for what has to go on without the registry.
    """
    if settings.url is None:
        return None
    password = settings.password.get_secret_value() if settings.password else None
    return RegistrySchemas(settings.url, settings.user, password, settings.ca, settings.cache if cached else None)
