"""The shop's pages without a browser: what they list, what they escape, what they let a browser do, and whose token they give."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from serving.app import Application
from serving.look.pages import Look
from serving.shop.catalogue import Catalogue, Item
from serving.shop.listing import PAGE, narrow
from serving.shop.part import Shop, ShopOptions
from serving.shop.pictures import draw, drawings
from serving.shop.visitor import MOST_PIECES, Ids, read_cart, write_cart
from tests.unit.pages import Answer, Page, ask, go
from training.simulator.words import CATEGORIES
from udfs.errors import SwerveError

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
PAGES = ("/shop", "/shop/c/headphones", "/shop/p/i1", "/shop/search?q=head", "/shop/cart", "/shop/live", "/shop/nowhere")


def item(number: int, category: str = "Headphones", price: float = 10.0, brand: str = "Auralis", **more: object) -> Item:
    return Item(f"i{number}", f"{brand} Nova {category} {number}, navy", category, brand, price, **more)  # type: ignore[arg-type]


ITEMS = [item(n, price=float(n), brand=("Auralis", "Corvo")[n % 2]) for n in range(1, 60)]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue([*ITEMS, item(99, "Prams", 400.0, in_stock=False, created_at=5), item(98, f"Lamps {EVIL}", brand=EVIL)])


@pytest.fixture
def app(catalogue: Catalogue) -> Application:
    look = Look()
    return Application([look, Shop(ShopOptions(catalogue, b"secret", "key", lambda user: (f"token of {user}", 60)), look)])


def get(app: Application, path: str, cookies: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    return go(lambda: ask(app, path, headers=with_cookies(cookies, headers)))


def post(
    app: Application,
    path: str,
    form: Mapping[str, str],
    cookies: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    return go(lambda: ask(app, path, "POST", with_cookies(cookies, headers), form))


def with_cookies(cookies: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    return {**({"cookie": cookie} if cookie else {}), **(headers or {})}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_and_loads_nothing_but_ours(app: Application, path: str) -> None:
    answer = get(app, path)
    policy = answer.headers.get("content-security-policy", "")
    if answer.status == 200:
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
    page = Page(answer.text)
    assert all(script.get("src", "").startswith("/") for script in page.all("script"))  # type: ignore[union-attr]
    assert "style" not in {name for name, _, _ in page.elements}
    assert not [name for _, attributes, _ in page.elements for name in attributes if name == "style" or name.startswith("on")]


@pytest.mark.parametrize(
    "path", ["/shop", "/shop/p/i98", "/shop/c/lamps-script-alert-1-script-img-src-x-onerror-alert-1", f"/shop/search?q={EVIL}"]
)
def test_what_others_wrote_stays_text(app: Application, path: str) -> None:
    answer = get(app, path)
    assert answer.status == 200
    page = Page(answer.text)
    assert not [script for script in page.all("script") if "src" not in script]
    assert not [image for image in page.all("img") if "onerror" in image]
    if "search" in path:
        assert EVIL in [field["value"] for field in page.all("input") if field.get("id") == "q"]


def test_headings_landmarks_and_pictures_are_there_for_who_does_not_see(app: Application) -> None:
    for path in PAGES[:-1]:
        page = Page(get(app, path).text)
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        assert all("alt" in image and "width" in image and "height" in image for image in page.all("img"))
        labelled = {label["for"] for label in page.all("label") if "for" in label}
        assert {field["id"] for field in page.all("input") if field.get("id")} <= labelled


def test_every_subcategory_of_the_simulated_shop_has_a_drawing_of_its_own() -> None:
    for category, (_, kinds) in CATEGORIES.items():
        there = drawings()[category.lower().replace(" ", "-")]
        assert set(there) == {kind for kind, _ in kinds}


@given(st.sampled_from(sorted(CATEGORIES)), st.text(), st.text(), st.text())
def test_a_picture_is_the_same_each_time_and_well_formed_whatever_the_item(category: str, title: str, brand: str, item_id: str) -> None:
    one = Item(item_id, title, category, brand, 1.0, CATEGORIES[category][1][0][0])
    picture = draw(one)
    assert picture == draw(one)
    assert ET.fromstring(picture).tag.endswith("svg")
    assert not re.search(r"\{\w\}", picture)


def test_a_picture_may_be_kept_for_ever_by_its_full_address(app: Application) -> None:
    address = next(str(image["src"]) for image in Page(get(app, "/shop/p/i1").text).all("img"))
    kept = get(app, address)
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-type"] == "image/svg+xml"
    assert "immutable" not in get(app, address.partition("?")[0]).headers["cache-control"]
    assert get(app, address, headers={"if-none-match": kept.headers["etag"]}).status == 304
    assert get(app, "/shop/picture/none.svg").status == 404


def test_nothing_is_kept_of_a_visitor_who_did_not_agree(app: Application) -> None:
    first = get(app, "/shop")
    assert not first.cookies
    assert "data-user" not in first.text
    assert get(app, "/shop/token").status == 403
    refused = post(app, "/shop/consent", {"choice": "denied", "back": "/shop/cart"})
    assert (refused.status, refused.headers["location"]) == (303, "/shop/cart")
    assert refused.cookies == {"choice": "denied", "visitor": '""'}


def test_with_consent_she_gets_an_id_and_a_token_for_it_alone(app: Application) -> None:
    agreed = post(app, "/shop/consent", {"choice": "granted"}, headers={"accept": "application/json"})
    user = agreed.json()["user"]
    token = get(app, "/shop/token", agreed.cookies)
    assert token.json() == {"user": user, "token": f"token of {user}", "expires_in": 60}
    assert token.headers["cache-control"] == "no-store"
    assert f'data-user="{user}"' in get(app, "/shop", agreed.cookies).text
    stolen = {**agreed.cookies, "visitor": agreed.cookies["visitor"].replace(user, "somebody")}
    assert get(app, "/shop/token", stolen).status == 403
    withdrawn = {**agreed.cookies, **post(app, "/shop/consent", {"choice": "denied"}, agreed.cookies).cookies}
    assert get(app, "/shop/token", withdrawn).status == 403


@given(st.text(), st.binary(min_size=1))
def test_an_id_is_taken_only_with_the_signature_of_this_shop(user: str, secret: bytes) -> None:
    assert Ids(secret).read(Ids(secret).sign(user)) == (user or None)
    assert Ids(secret).read(Ids(secret + b"x").sign(user)) is None


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/shop//\r\nSet-Cookie: a=b", "/shopping.example"])
def test_a_form_sends_nobody_elsewhere(app: Application, back: str) -> None:
    assert post(app, "/shop/consent", {"choice": "denied", "back": back}).headers["location"] == "/shop"


@pytest.mark.parametrize("path", ["/shop/consent", "/shop/cart", "/shop/checkout"])
def test_a_page_of_somebody_else_cannot_send_our_forms(app: Application, path: str) -> None:
    form = {"choice": "granted", "item_id": "i1"}
    assert post(app, path, form, headers={"sec-fetch-site": "cross-site"}).status == 403
    assert post(app, path, form, headers={"origin": "https://elsewhere.example"}).status == 403
    assert post(app, path, form, headers={"sec-fetch-site": "same-origin"}).status < 400


def test_the_cart_goes_from_form_to_form_to_an_order(app: Application) -> None:
    cookies = post(app, "/shop/cart", {"item_id": "i1", "how": "add", "pieces": "2"}).cookies
    cookies = post(app, "/shop/cart", {"item_id": "i1", "how": "add", "pieces": "1"}, cookies).cookies
    cookies |= post(app, "/shop/cart", {"item_id": "i99", "pieces": "1"}, cookies).cookies
    assert read_cart(cookies["cart"]) == {"i1": 3, "i99": 1}
    assert "€403.00" in get(app, "/shop/cart", cookies).text
    ordered = post(app, "/shop/checkout", {}, cookies)
    assert (ordered.status, ordered.headers["location"]) == (303, "/shop/thanks")
    thanks = get(app, "/shop/thanks", {**cookies, **ordered.cookies})
    assert [main["data-page"] for main in Page(thanks.text).all("main")] == ["thanks"]
    assert "&#34;quantity&#34;: 3" in thanks.text
    assert get(app, "/shop/thanks").status == 303


@pytest.mark.parametrize("form", [{"item_id": "none"}, {"item_id": "i1", "pieces": "-1"}, {"item_id": "i1", "pieces": "1e9"}, {}])
def test_what_is_no_line_of_a_cart_is_refused(app: Application, form: dict[str, str]) -> None:
    assert post(app, "/shop/cart", form).status == 422


def test_a_form_that_is_too_large_or_none_is_refused(app: Application) -> None:
    assert post(app, "/shop/cart", {"item_id": "x" * 20_000}).status == 413
    assert post(app, "/shop/cart", {f"f{n}": "" for n in range(30)}).status == 400


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.integers(1, MOST_PIECES), max_size=40))
def test_a_cart_survives_its_cookie(cart: dict[str, int]) -> None:
    assert read_cart(write_cart(cart)) == cart


@given(st.text())
def test_whatever_a_cookie_holds_is_a_cart(cookie: str) -> None:
    assert all(1 <= pieces <= MOST_PIECES for pieces in read_cart(cookie).values())


def test_a_list_is_narrowed_sorted_and_paged_by_its_address() -> None:
    cheap = narrow(ITEMS, QueryParams("sort=cheap&brand=Corvo&least=3&most=50,5"))
    assert [one.price for one in cheap.items] == [float(n) for n in range(3, 51, 2)]
    assert (cheap.total, cheap.pages, cheap.narrowed) == (24, 1, True)
    last = narrow(ITEMS, QueryParams("page=3"))
    assert (last.page, last.pages, len(last.items)) == (3, 3, len(ITEMS) - 2 * PAGE)
    assert narrow(ITEMS, QueryParams("page=900&least=cheap&sort=none")).page == 3
    assert QueryParams(cheap.query(2)[1:]).multi_items() == [
        ("brand", "Corvo"),
        ("least", "3"),
        ("most", "50.5"),
        ("sort", "cheap"),
        ("page", "2"),
    ]


@given(st.text())
def test_any_address_gives_a_page_of_a_list(text: str) -> None:
    listing = narrow(ITEMS, QueryParams([(name, text) for name in ("page", "least", "most", "sort", "kind", "brand", "q")]))
    assert 1 <= listing.page <= listing.pages


def test_a_search_takes_beginnings_of_words_in_any_spelling(catalogue: Catalogue) -> None:
    assert {one.category for one in catalogue.search("PRÁM nova")} == {"Prams"}
    assert len(catalogue.search("headph")) == len(ITEMS)
    assert catalogue.search("headphones prams") == []
    assert catalogue.search("  ") == []
    assert catalogue.suggest("pr") == ["Prams"]
    assert catalogue.suggest("") == []


def test_the_widget_gets_the_details_that_it_asks_for(app: Application) -> None:
    (one,) = get(app, "/shop/items?ids=i1,unknown").json()
    assert one == {
        "item_id": "i1", "title": "Corvo Nova Headphones 1", "url": "/shop/p/i1", "image": one["image"], "price": 1.0, "currency": "EUR",
        "brand": "Corvo", "category": "Headphones",
    }  # fmt: skip
    assert get(app, one["image"]).status == 200


def test_a_catalogue_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "catalog.csv"
    with pytest.raises(SwerveError, match="cannot be read"):
        Catalogue.read(file)
    file.write_text("item_id,title\n1,a\n")
    with pytest.raises(SwerveError, match="has no column item_category"):
        Catalogue.read(file)
    file.write_text("item_id,title,item_category,item_brand,price\n1,a,b,c,dear\n")
    with pytest.raises(SwerveError, match="dear"):
        Catalogue.read(file)


def test_files_are_kept_by_their_content(app: Application) -> None:
    address = next(str(link["href"]) for link in Page(get(app, "/shop").text).all("link") if link.get("rel") == "stylesheet")
    kept = get(app, address, headers={"accept-encoding": "gzip"})
    assert (kept.headers["content-encoding"], "immutable" in kept.headers["cache-control"]) == ("gzip", True)
    assert get(app, address.partition("?")[0]).headers["cache-control"] == "no-cache"
    assert get(app, "/look/../pages.py").status == 404
