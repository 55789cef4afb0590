import { beforeEach, expect, test, vi } from "vitest";
import { followItems } from "../src/items";
import type { EventFields } from "../src/swerve";
import { freshPage } from "./helpers";

let done: [string, EventFields | string][];
const at = (selector: string, root: ParentNode = document) => root.querySelector(selector) as HTMLElement;
const click = (element: Element, button = 0) =>
  element.dispatchEvent(new MouseEvent(button ? "auxclick" : "click", { bubbles: true, composed: true, button }));
const pointer = (type: string, element: Element, more: PointerEventInit = {}) =>
  element.dispatchEvent(new PointerEvent(type, { bubbles: true, composed: true, pointerType: "mouse", ...more }));

beforeEach(async () => {
  await freshPage(`
    <article data-swerve-item="i1" data-swerve-name="Pram" data-swerve-category="Prams" data-swerve-price="99.5" data-swerve-currency="EUR"
      data-swerve-recommendation="r1" data-swerve-position="0">
      <a href="#"><b>Pram</b></a><button class="wish">♡</button><button class="cart" data-swerve-add-to-cart data-swerve-quantity="2">+</button>
    </article>
    <div class="other"></div><button class="alone" data-swerve-add-to-cart="i2">+</button>
    <form data-swerve-search><input type="hidden" name="page" value=""><input name="q" value="blue pram"></form>`);
  done = [];
  followItems({
    track: (name, fields) => done.push([name, fields]),
    hovered: (fields) => done.push(["hover", fields]),
    searched: (term) => done.push(["search", term]),
  });
});

const PRAM = {
  item_id: "i1",
  item_name: "Pram",
  item_category: "Prams",
  price: 99.5,
  currency: "EUR",
  recommendation_id: "r1",
  recommendation_position: 0,
};

test("a click on an item, by its parts, by a new tab, but not by the menu", () => {
  click(at("b"));
  click(at("a"), 1);
  click(at("a"), 2);
  click(at(".other"));
  expect(done).toEqual([
    ["select_item", PRAM],
    ["select_item", PRAM],
  ]);
});

test("a button on the card is no click on the item", () => {
  click(at(".wish"));
  expect(done).toEqual([]);
});

test("a button that puts it into the cart", () => {
  click(at(".cart"));
  click(at(".alone"));
  click(at(".alone"), 1);
  expect(done).toEqual([
    ["add_to_cart", { ...PRAM, quantity: 2 }],
    ["add_to_cart", { item_id: "i2" }],
  ]);
});

test("a page that stops the event does not hide it", () => {
  at("a").addEventListener("click", (event) => event.stopImmediatePropagation());
  click(at("b"));
  expect(done).toHaveLength(1);
});

test("cards inside of a shadow tree are seen", () => {
  const root = at(".other").attachShadow({ mode: "open" });
  root.innerHTML = '<a data-swerve-item="i9"><i></i></a>';
  click(at("i", root));
  expect(done).toEqual([["select_item", { item_id: "i9" }]]);
});

test("a mouse that rests on an item", () => {
  pointer("pointerover", at("b"));
  vi.advanceTimersByTime(400);
  pointer("pointerout", at("b"), { relatedTarget: at("article") });
  pointer("pointerover", at("article"));
  vi.advanceTimersByTime(200);
  expect(done).toEqual([["hover", PRAM]]);
  vi.advanceTimersByTime(5_000);
  expect(done).toHaveLength(1);
});

test("a mouse that passes, or leaves the window, and a finger, do not rest", () => {
  pointer("pointerover", at("b"));
  vi.advanceTimersByTime(599);
  pointer("pointerover", at(".other"));
  pointer("pointerover", at("b"));
  vi.advanceTimersByTime(300);
  pointer("pointerout", at("b"), { relatedTarget: null });
  pointer("pointerover", at("b"), { pointerType: "touch" });
  vi.advanceTimersByTime(5_000);
  expect(done).toEqual([]);
});

test("a search form says what was searched for", () => {
  at("form").dispatchEvent(new Event("submit", { bubbles: true }));
  expect(done).toEqual([["search", "blue pram"]]);
});

test("a price that is none is left out", () => {
  at("article").setAttribute("data-swerve-price", "on request");
  click(at("b"));
  expect(done[0]?.[1]).not.toHaveProperty("price");
});
