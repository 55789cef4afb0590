"""The tracker and the element in a real Chromium, with the real collector, API and Redis behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from jobs.embedded.redis_server import RedisServer
from tests.e2e.browser import PATIENCE_MS
from tests.e2e.pages import STRICT, Pages, serve_pages

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
ALL = '{ analytics_storage: "granted", personalization_storage: "granted" }'
AGREE = f"swerve.consent({ALL})"
REFUSE = "swerve.consent({ analytics_storage: 'denied', personalization_storage: 'denied' })"
USER = "swerve.identity().user_id"
WIDGET = '<swerve-recommendations n="4" heading="For you">%s</swerve-recommendations><p id="below">Below</p>'
ROW = '<swerve-recommendations n="8" layout="row" heading="In a row"></swerve-recommendations>'
FALLBACK = '<p>Others buy <a href="/bestsellers">these</a></p>'
CARD = "swerve-recommendations li:not(.none) [data-swerve-item]"
ELEMENT = "document.querySelector('swerve-recommendations')"
WAITING = "Object.values(localStorage).filter((value) => value.includes('add_to_cart')).length"
SHIFTS = """
window.shifts = [];
const moved = (shift) => shifts.push([shift.value, ...shift.sources.map(({ node }) => node?.outerHTML)]);
new PerformanceObserver((list) => list.getEntries().forEach(moved)).observe({ type: "layout-shift", buffered: true });
"""
# Playwright does not see what a page that has gone still sends.
BEACONS = """
const send = navigator.sendBeacon;
navigator.sendBeacon = function (...all) { localStorage.beacons = 1 + Number(localStorage.beacons ?? 0); return send.apply(this, all); };
"""
BARE = """<!doctype html><html lang="en"><head><title>Strict</title><script async src="/swerve.js" data-write-key="key"
data-items-url="/items?ids={ids}"></script></head><body>%s</body></html>"""
MODULE = """<!doctype html><html lang="en"><head><title>Elsewhere</title><script type="module">
import swerve from "ORIGIN/swerve.mjs";
const items = (ids) => ids.map((item_id) => ({ item_id, title: item_id, url: "/" }));
const token = async (user) => (await (await fetch("/token?user=" + user)).json()).token;
swerve.init({ endpoint: "ORIGIN", writeKey: "key", consent: CONSENT, items, token });
</script></head><body>%s</body></html>"""

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def pages(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A shop."""
    with serve_pages(tmp_path_factory.mktemp("events"), redis_server.url) as shop:
        yield shop


@pytest.fixture(autouse=True)
def lists(client: redis.Redis, pages: Pages) -> None:
    """What everybody gets."""
    pages.recommend(["i1", "i2", "i3", "gone4", "i5", "i6"], recommendation_id="everybody")
    pages.tokens.clear()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor, who has never been here."""
    # Without a window it says that it is headless, which the collector takes for a robot.
    agent = f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{browser.version} Safari/537.36"
    with browser.new_context(viewport={"width": 900, "height": 700}, reduced_motion="no-preference", user_agent=agent) as one:
        one.set_default_timeout(PATIENCE_MS)
        one.add_init_script(SHIFTS)
        yield one


@pytest.fixture
def visit(context: BrowserContext, pages: Pages) -> Visit:
    """Opens a page with a body."""
    paths = iter(range(100))

    def open_page(body: str, **more: Any) -> Page:
        page = context.new_page()
        page.goto(pages.put(f"/page{next(paths)}", body, **more))
        return page

    return open_page


def state(page: Page, wanted: str) -> None:
    """Wait until the element is loading, ready or falls back."""
    expect(page.locator("swerve-recommendations").first).to_have_attribute("data-state", wanted)


def items(page: Page) -> list[str]:
    """Give what is shown."""
    return [str(card.get_attribute("data-swerve-item")) for card in page.locator(CARD).all()]


def until(page: Page, holds: Callable[[], object]) -> None:
    """Wait for the server's side of something."""
    for _ in range(PATIENCE_MS // 25):
        if holds():
            return
        page.wait_for_timeout(25)
    pytest.fail("it never came to hold")


def of(pages: Pages, page: Page, name: str | None = None) -> list[dict[str, Any]]:
    """Give the events of this visitor that were kept."""
    user = page.evaluate(USER)
    return [event for event in pages.events() if event["user_id"] == user and name in (None, event["event_name"])]


def watch(context: BrowserContext) -> list[Request]:
    """Give a list of what pages ask for from now on."""
    asked: list[Request] = []

    def add(request: Request) -> None:
        asked.append(request)

    context.on("request", add)
    return asked


def nothing_moved(page: Page) -> None:
    """Check that the layout has not shifted, however little, since the page began."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("shifts") == []


def no_violation(page: Page) -> None:
    """Check the page, and what is inside of the element, by axe."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


def test_without_consent_nothing_is_sent_or_stored_and_everybodys_list_is_shown(
    context: BrowserContext, visit: Visit, pages: Pages
) -> None:
    asked = watch(context)
    before = len(pages.events())
    page = visit(
        WIDGET % "" + '<button data-swerve-add-to-cart="i1">Add</button><div style="height: 3000px" data-swerve-view-item="i9"></div>'
    )
    state(page, "ready")
    assert items(page) == ["i1", "i2", "i3", "i5"]

    def use_the_page(milliseconds: int) -> None:
        page.get_by_role("button", name="Add").click()
        page.mouse.wheel(0, 2_000)
        page.wait_for_timeout(milliseconds)
        page.evaluate("swerve.addToCart({ item_id: 'i2' }); swerve.search('pram')")

    use_the_page(1_200)
    page.evaluate(REFUSE)
    use_the_page(300)
    page.goto(pages.put("/next", WIDGET % ""))
    state(page, "ready")
    assert [request.url for request in asked if request.method != "GET"] == []
    of_api = [request for request in asked if "/v1/" in request.url]
    assert {request.url.partition("?")[0] for request in of_api} == {f"{pages.origin}/v1/recommendations/-"}
    assert not [request for request in of_api if {"authorization", "cookie"} & set(request.all_headers())]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert (context.cookies(), pages.tokens, len(pages.events())) == ([], [], before)


def test_from_consent_to_another_list_without_a_load(visit: Visit, pages: Pages, context: BrowserContext) -> None:
    page = visit(WIDGET % "")
    state(page, "ready")
    page.evaluate(AGREE)
    user = page.evaluate(USER)
    pages.recommend(["i7", "i2", "i8", "i1"], user, recommendation_id="before")
    page.evaluate(f"{ELEMENT}.refresh()")
    expect(page.locator(CARD).first).to_have_attribute("data-swerve-item", "i7")
    # Her first token had expired: another one was asked for, once.
    assert len(pages.tokens) == 2
    page.evaluate(f"window.kept = {ELEMENT}.shadowRoot.querySelector('[data-swerve-item=i2]')")
    page.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
    asked = watch(context)
    page.locator(CARD).nth(2).click()
    until(page, lambda: of(pages, page, "select_item"))
    [clicked] = of(pages, page, "select_item")
    pages.recommend(["i20", "i21", "i2", "i22"], user, recommendation_id="after", event_time=clicked["event_time"])
    expect(page.locator(CARD).first).to_have_attribute("data-swerve-item", "i20")
    assert items(page) == ["i20", "i21", "i2", "i22"]
    assert page.evaluate("kept === kept.closest('ul').children[2].firstChild")
    fields = ("item_id", "recommendation_id", "recommendation_position", "personalization_storage", "device")
    assert [clicked[name] for name in fields] == ["i8", "before", 2, "GRANTED", "desktop"]
    assert {request.headers["content-type"] for request in asked if request.method == "POST"} == {"text/plain"}
    page.wait_for_timeout(300)
    nothing_moved(page)


def test_what_was_seen_is_told_once_with_place_and_recommendation(visit: Visit, pages: Pages) -> None:
    page = visit('<div style="height: 420px"></div>' + WIDGET % "" + '<div style="height: 2000px"></div>')
    page.evaluate("window.seen = []; document.addEventListener('swerve:track', ({ detail }) => seen.push(detail.recommendation_id))")
    page.evaluate(AGREE)
    pages.recommend([f"i{number}" for number in range(1, 9)], page.evaluate(USER), recommendation_id="hers")
    page.evaluate(f"{ELEMENT}.setAttribute('n', '8')")
    page.wait_for_function("seen.filter((id) => id === 'hers').length === 4")
    page.mouse.wheel(0, 400)
    page.wait_for_function("seen.filter((id) => id === 'hers').length === 8")
    page.wait_for_timeout(200)
    page.evaluate("swerve.flush()")
    until(page, lambda: len([event for event in of(pages, page) if event["recommendation_id"] == "hers"]) >= 8)
    seen = sorted((e for e in of(pages, page) if e["recommendation_id"] == "hers"), key=lambda event: event["recommendation_position"])
    assert [(event["recommendation_position"], event["item_id"]) for event in seen] == [(place, f"i{place + 1}") for place in range(8)]
    assert {event["event_name"] for event in seen} == {"view_item_list"}
    # Those of the second row came into view only when she scrolled.
    assert max(event["event_time"] for event in seen[:4]) < min(event["event_time"] for event in seen[4:])


def test_what_waits_goes_by_beacon_when_she_leaves(visit: Visit, pages: Pages, context: BrowserContext) -> None:
    context.add_init_script(BEACONS)
    pages.put("/there", '<a href="/elsewhere#ann@mail.example">Elsewhere</a>')
    pages.put("/elsewhere", "")
    page = visit('<div data-swerve-view-item="i5" data-swerve-price="9.5"></div><a href="/there?email=ann@mail.example">There</a>')
    page.evaluate(AGREE)
    until(page, lambda: len(of(pages, page)) == 2)
    page.wait_for_timeout(1_100)
    for name in ("There", "Elsewhere"):
        with page.expect_navigation():
            page.get_by_role("link", name=name).click()
        page.evaluate(AGREE)
    until(page, lambda: len(of(pages, page, "page_view")) == 3 and of(pages, page, "other"))
    kept = of(pages, page)
    dwell = of(pages, page, "other")[0]
    assert (dwell["item_id"], dwell["engagement_ms"] >= 1_000) == ("i5", True)
    assert page.evaluate("Number(localStorage.beacons)") >= 1
    assert [event["referrer"] for event in of(pages, page, "page_view")] == [None, f"{pages.origin}/page0", f"{pages.origin}/there"]
    assert "mail.example" not in json.dumps(kept)
    assert len({event["session_id"] for event in kept}) == 1
    assert len({event["event_id"] for event in kept}) == len(kept)


def test_offline_it_waits_over_a_reload_and_two_tabs_send_it_once(context: BrowserContext, visit: Visit, pages: Pages) -> None:
    page, other = visit(""), visit("")
    for tab in (page, other):
        tab.evaluate(AGREE)
    until(page, lambda: len(of(pages, page)) == 2)
    before = pages.duplicates()

    tried: set[Page] = set()

    def away_from_the_collector(route: Route) -> None:
        tried.add(route.request.frame.page)
        route.abort("internetdisconnected")

    # Not the whole network: the browser would show a page of its own for the reload.
    context.route("**/v1/events", away_from_the_collector)
    for number, tab in enumerate((page, other, page)):
        tab.evaluate(f"swerve.addToCart({{ item_id: 'offline{number}' }})")
    until(page, lambda: tried == {page, other})
    page.wait_for_timeout(200)
    page.reload()
    assert page.evaluate(WAITING) == 3
    context.unroute("**/v1/events")
    page.evaluate(AGREE)
    for tab in (page, other):
        tab.evaluate("window.dispatchEvent(new Event('online'))")
    until(page, lambda: page.evaluate(WAITING) == 0 and other.evaluate(WAITING) == 0)
    assert [event["item_id"] for event in of(pages, page, "add_to_cart")] == ["offline0", "offline1", "offline2"]
    assert pages.duplicates() == before


def test_what_is_withdrawn_is_deleted(visit: Visit, pages: Pages) -> None:
    page = visit(WIDGET % "")
    page.evaluate(AGREE)
    pages.recommend(["i7", "i8"], page.evaluate(USER), recommendation_id="hers")
    page.evaluate(f"{ELEMENT}.refresh()")
    expect(page.locator(CARD)).to_have_count(2)
    page.evaluate(REFUSE)
    assert page.evaluate("[localStorage.length, swerve.identity()]") == [0, None]
    expect(page.locator(CARD).first).to_have_attribute("data-swerve-recommendation", "everybody")


def away(route: Route) -> None:
    """No network."""
    route.abort("connectionrefused")


def broken(route: Route) -> None:
    """A server in trouble."""
    route.fulfill(status=503, json={"status": 503})


def empty(route: Route) -> None:
    """Nothing to show."""
    route.fulfill(json={"recommendation_id": "r", "items": []})


@pytest.mark.parametrize("answer", [away, broken, empty])
def test_an_api_that_has_nothing(context: BrowserContext, visit: Visit, answer: Callable[[Route], None]) -> None:
    context.route("**/v1/recommendations/**", answer)
    page = visit(WIDGET % FALLBACK)
    state(page, "fallback")
    expect(page.get_by_role("link", name="these")).to_be_visible()
    assert items(page) == []
    nothing_moved(page)


def test_an_api_that_is_slow(context: BrowserContext, visit: Visit) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    context.route("**/v1/recommendations/**", hold)
    page = visit(WIDGET % FALLBACK + ROW)
    state(page, "loading")
    expect(page.get_by_role("link", name="these")).to_be_hidden()
    no_violation(page)
    below = page.locator("#below").bounding_box()
    state(page, "fallback")
    expect(page.get_by_role("link", name="these")).to_be_visible()
    no_violation(page)
    held[0].continue_()
    state(page, "ready")
    expect(page.get_by_role("link", name="these")).to_be_hidden()
    assert items(page) == ["i1", "i2", "i3", "i5"]
    assert page.locator("#below").bounding_box() == below
    nothing_moved(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, scheme: Literal["light", "dark"]) -> None:
    own = """<swerve-recommendations n="2" heading="Own cards"><template><style>b { display: block; height: 3em; overflow: hidden }</style>
      <a data-field="url"><b data-field="title"></b></a></template></swerve-recommendations>"""
    page = visit(WIDGET % "" + ROW + own)
    page.emulate_media(color_scheme=scheme)
    expect(page.locator(CARD)).to_have_count(11)
    no_violation(page)
    sections = page.get_by_role("region")
    assert [section.get_attribute("aria-label") for section in sections.all()] == ["For you", "In a row", "Own cards"]
    assert sections.first.get_by_role("list").get_by_role("listitem").count() == 4
    ink = page.locator("swerve-recommendations .title").first.evaluate("(title) => getComputedStyle(title).color")
    assert (ink == "rgb(0, 0, 0)") == (scheme == "light")


def test_by_keyboard(visit: Visit, pages: Pages) -> None:
    page = visit('<swerve-recommendations n="8" layout="row" style="width: 500px"></swerve-recommendations>')
    state(page, "ready")
    page.keyboard.press("Tab")
    focused = f"{ELEMENT}.shadowRoot.activeElement"
    assert page.evaluate(f"[{focused}.dataset.swerveItem, getComputedStyle({focused}).outlineStyle]") == ["i1", "solid"]
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{focused}.dataset.swerveItem") == "i6"
    # It was scrolled to, all of it.
    page.wait_for_function(f"{focused}.getBoundingClientRect().right <= {ELEMENT}.getBoundingClientRect().right + 5")
    page.keyboard.press("ArrowLeft")
    pages.put("/p/i5", "<h2>Item</h2>")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/i5")


def test_nothing_moves_where_she_prefers_that(visit: Visit, pages: Pages) -> None:
    page = visit(WIDGET % "")
    state(page, "ready")
    running = f"{ELEMENT}.shadowRoot.getAnimations().length"
    page.evaluate(AGREE)
    user = page.evaluate(USER)
    pages.recommend(["i5", "i1"], user)
    assert page.evaluate(f"{ELEMENT}.refresh().then(() => {running})") > 0
    page.wait_for_function(f"{running} === 0")
    page.emulate_media(reduced_motion="reduce")
    pages.recommend(["i1", "i5"], user)
    assert page.evaluate(f"{ELEMENT}.refresh().then(() => {running})") == 0
    assert items(page) == ["i1", "i5"]


def test_a_page_that_allows_next_to_nothing(visit: Visit, context: BrowserContext) -> None:
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    page = visit(WIDGET % "", csp=STRICT, shell=BARE)
    state(page, "ready")
    assert page.locator("swerve-recommendations img").first.evaluate("(image) => image.getBoundingClientRect().width") > 100
    assert [text for text in said if "Content Security Policy" in text or "Trusted" in text] == []


def test_another_origin_and_the_module(context: BrowserContext, pages: Pages) -> None:
    asked = watch(context)
    pages.put("/module", WIDGET % "", shell=MODULE.replace("ORIGIN", pages.origin).replace("CONSENT", ALL))
    page = context.new_page()
    page.goto(f"{pages.origin.replace('127.0.0.1', 'localhost')}/module")
    state(page, "ready")
    page.evaluate("swerve.flush()")
    until(page, lambda: of(pages, page))
    # Her events need no preflight.
    assert {request.method for request in asked if request.url.endswith("/v1/events")} == {"POST"}
    lists = [request for request in asked if "/v1/recommendations/" in request.url and request.method == "GET"]
    assert lists[-1].headers["authorization"].startswith("Bearer ")
