"""What only the server sees of who sends: country and class of device. The address itself is never kept."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import Headers

from udfs.events import country_code

UNKNOWN = "unknown"
#: What content networks write where they do not know, or for a network that hides it.
NOWHERE = ("XX", "ZZ", "T1")
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|headless|monitor|preview|lighthouse", re.IGNORECASE)
_SET = re.compile(r"smart-?tv|apple ?tv|google ?tv|bravia|hbbtv|web0?s|tizen(?!.*mobile)|playstation|xbox|nintendo", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|windows phone", re.IGNORECASE)
_DESKTOP = re.compile(r"windows nt|macintosh|x11|cros ", re.IGNORECASE)
LONGEST_AGENT = 512


class Visitor(NamedTuple):
    """What headers say of a page's visitor.

    Attributes
    ----------
    device
        Symbol of the schema's ``Device``.
    country
        Two capitals; None where it is not known.
    """

    device: str = UNKNOWN
    country: str | None = None


def visitor_of(headers: Headers, country_header: str | None) -> Visitor:
    """Read the headers of a page's request; those of a server, which has no origin, tell of the server and not of a visitor."""
    if "origin" not in headers:
        return Visitor()
    country = headers.get(country_header, "").strip().upper() if country_header else ""
    device = device_of(headers.get("user-agent", "")[:LONGEST_AGENT], headers.get("sec-ch-ua-mobile", ""))
    return Visitor(device, country if country_code(country) and country not in NOWHERE else None)


@lru_cache(maxsize=4096)
def device_of(agent: str, mobile: str = "") -> str:
    """Give the class of a device by its browser's name and the client hint ``Sec-CH-UA-Mobile``.

    Examples
    --------
    >>> device_of("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "?1")
    'mobile'
    >>> device_of("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "?0")
    'tablet'
    """
    if _ROBOT.search(agent) or _SET.search(agent):
        return "other"
    if _TABLET.search(agent):
        return "tablet"
    if mobile == "?1" or _MOBILE.search(agent):
        return "mobile"
    if "Android" in agent:
        return "tablet"
    return "desktop" if _DESKTOP.search(agent) else UNKNOWN


def without_query(referrer: str) -> str:
    """Cut a referrer to origin and path: what stands behind them may be personal.

    Examples
    --------
    >>> without_query("https://ana:secret@search.example/find?q=prams#top")
    'https://search.example/find'
    """
    address = referrer.partition("#")[0].partition("?")[0]
    scheme, colon, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{colon}{host.rpartition('@')[2]}{slash}{path}" if colon else address
