"""Which bundle a run serves: what the settings say, and what a pointer makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.settings import Settings

if TYPE_CHECKING:
    from models.approval import Terms


def terms_of(settings: Settings) -> Terms:
    """Give the terms that a bundle has to meet."""
    from models.approval import Terms

    rank = settings.rank
    return Terms(rank.candidates, rank.top, rank.surfaces, settings.model.max_us_per_user)


def pinned(settings: Settings) -> Settings:
    """Settle on the bundle that the pointer names now: what is computed over history is computed under one.

    Raises
    ------
    BundleError
        The pointer is none.
    """
    from models.registry import serving_folder

    folder = serving_folder(settings.model.path)
    return settings if folder == settings.model.path else settings.with_values({"model.path": folder})
