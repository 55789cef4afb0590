import { beforeEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../src/client";
import { defineElement } from "../src/element";
import type { Details, Options, Recommendations, SwerveRecommendationsElement } from "../src/swerve";
import { DENIED, freshPage, GRANTED, list, network, Observer, see } from "./helpers";

let net: ReturnType<typeof network>;
let answer: () => Recommendations | undefined | Promise<Recommendations>;
let names = 0;

const NOW = 1_700_000_000_000;
const wait = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);
const about = (item_id: string, more: Partial<Details> = {}): Details => ({
  item_id,
  title: `The ${item_id}`,
  url: `/${item_id}`,
  price: 9.5,
  currency: "EUR",
  ...more,
});
const asked = () => net.requests.filter(({ url }) => url.includes("/v1/recommendations/"));

/** A page with the element, and a client of its own: a browser lets no name be defined twice. */
const show = async (attributes = "", children = "", options: Options = {}) => {
  const name = `swerve-recommendations${names++ || ""}`;
  const client = createClient({ endpoint: "https://c.example", automatic: false, items: (ids) => ids.map((id) => about(id)), ...options });
  client.swerve.init();
  defineElement(client, name);
  document.body.insertAdjacentHTML("beforeend", `<${name} ${attributes}>${children}</${name}>`);
  const element = document.querySelector(name) as SwerveRecommendationsElement;
  await wait();
  return { element, swerve: client.swerve, root: element.shadowRoot as ShadowRoot };
};
const titles = (root: ShadowRoot) => [...root.querySelectorAll("li:not(.none) .title")].map(({ textContent }) => textContent);
const fallback = (root: ShadowRoot) => root.querySelector(".fallback[part]") as HTMLElement;
const section = (root: ShadowRoot) => root.querySelector("section") as HTMLElement;

beforeEach(async () => {
  await freshPage();
  document.documentElement.lang = "en";
  answer = () => list(["a", "b", "c"]);
  net = network(async ({ url }) => {
    if (!url.includes("/v1/recommendations/")) return { status: 202 };
    const json = await answer();
    return json ? { json } : { status: 500 };
  });
});

describe("what it shows", () => {
  test("a section with a heading, and a list of links", async () => {
    const { root, element } = await show('n="3" heading="For you" heading-level="3"');
    expect(section(root).getAttribute("aria-label")).toBe("For you");
    expect(root.querySelector("h3")?.textContent).toBe("For you");
    expect(root.querySelector("ul")?.getAttribute("role")).toBe("list");
    const [first] = root.querySelectorAll("a");
    expect(first?.getAttribute("href")).toBe("/a");
    expect(first?.textContent).toBe("The a€9.50");
    expect(titles(root)).toEqual(["The a", "The b", "The c"]);
    expect([section(root).getAttribute("aria-busy"), element.dataset.state]).toEqual(["false", "ready"]);
    expect(element.recommendations?.recommendation_id).toBe("r1");
    await wait(10_000);
    expect(element.dataset.state).toBe("ready");
  });

  test("surface and number are asked for, with some to spare", async () => {
    await show('surface="cart" n="5"');
    expect(asked()[0]?.url).toContain("/v1/recommendations/-?surface=cart&n=9");
  });

  test("items that the shop does not tell about are passed over, and the others keep their positions", async () => {
    const { root } = await show('n="2"', "", { items: (ids) => ids.filter((id) => id !== "a").map((id) => about(id)) });
    expect(titles(root)).toEqual(["The b", "The c"]);
    expect([...root.querySelectorAll("a")].map((card) => card.getAttribute("data-swerve-position"))).toEqual(["1", "2"]);
  });

  test("a place without an item keeps its room, and is nothing to who listens", async () => {
    const { root } = await show('n="5"');
    const places = [...root.querySelectorAll("li")];
    expect(places.map(({ className }) => className)).toEqual(["", "", "", "none", "none"]);
    expect(places.map((place) => place.getAttribute("aria-hidden"))).toEqual([null, null, null, "true", "true"]);
  });

  test.each([
    [{ price: 1234.5, currency: "EUR" }, "de", "1.234,50 €"],
    [{ price: 1234.5, currency: "JPY" }, "en", "¥1,235"],
    [{ price: 7, currency: undefined }, "en", "7.00"],
    [{ price: 7, currency: "XYZZY" }, "en", "7 XYZZY"],
    [{ price: "on request" }, "en", "on request"],
    [{ price: undefined }, "en", ""],
  ])("a price: %j in %s", async (more, language, text) => {
    document.documentElement.lang = language;
    const { root } = await show('n="1"', "", { items: (ids) => ids.map((id) => about(id, more)) });
    expect(root.querySelector(".price")?.textContent?.replace(/\s/g, " ")).toBe(text);
  });

  test.each(["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,<b>", "vbscript:x", "https://[", ""])(
    "%j is no link",
    async (url) => {
      const { root } = await show('n="1"', "", { items: (ids) => ids.map((id) => about(id, { url, image: url })) });
      expect([root.querySelector("a")?.hasAttribute("href"), root.querySelector("img")?.hasAttribute("src")]).toEqual([
        false,
        url.startsWith("data:"), // a picture runs nothing
      ]);
    },
  );

  test("what a shop tells is text", async () => {
    const { root } = await show('n="1"', "", { items: (ids) => ids.map((id) => about(id, { title: "<img src=x onerror=alert(1)>" })) });
    expect(root.querySelector(".title")?.innerHTML).toBe("&lt;img src=x onerror=alert(1)&gt;");
  });

  test("a card of the page's own", async () => {
    const template =
      '<template><a data-field="url"><em data-field="title"></em> <i data-field="brand"></i> <u data-field="reason"></u></a></template>';
    const { root } = await show('n="2"', template, { items: (ids) => ids.map((id) => about(id, { brand: "Umbria" })) });
    const [card] = root.querySelectorAll("[part=card]");
    expect([card?.textContent, card?.querySelector("a")?.getAttribute("href")]).toEqual(["The a Umbria popular", "/a"]);
    expect(card?.getAttribute("data-swerve-item")).toBe("a");
  });

  test("a heading of the page's own, or none", async () => {
    const own = await show("", '<h3 slot="heading">Ours</h3>');
    expect(section(own.root).getAttribute("aria-label")).toBe("Ours");
    const none = await show('heading="" label="Picks"');
    expect([section(none.root).getAttribute("aria-label"), none.root.querySelector("h2")]).toEqual(["Picks", null]);
  });
});

describe("while it does not know", () => {
  test("as many places as it will show are reserved", async () => {
    answer = () => new Promise(() => undefined);
    const { root, element } = await show('n="4"', "<p>Bestsellers</p>");
    expect(root.querySelectorAll("li .blank")).toHaveLength(4);
    expect([element.dataset.state, fallback(root).hidden, section(root).getAttribute("aria-busy")]).toEqual(["loading", true, "true"]);
  });

  test("after a while what the page has put there is shown; an answer that comes later takes its place", async () => {
    let arrive: (json: Recommendations) => void = () => undefined;
    answer = () => new Promise((resolve) => (arrive = resolve));
    const { root, element } = await show('n="3" timeout="700"', "<p>Bestsellers</p>");
    await wait(699);
    expect(element.dataset.state).toBe("loading");
    await wait(1);
    expect([element.dataset.state, fallback(root).hidden, root.querySelectorAll("li").length]).toEqual(["fallback", false, 3]);
    arrive(list(["a"]));
    await wait();
    expect([element.dataset.state, fallback(root).hidden, titles(root)]).toEqual(["ready", true, ["The a"]]);
  });

  test.each([
    ["away", () => undefined],
    ["empty", () => list([])],
  ])("where the API is %s it is shown at once", async (_, says) => {
    answer = says;
    const { element, root } = await show("", "<p>Bestsellers</p>");
    expect([element.dataset.state, section(root).hidden, section(root).classList.contains("none")]).toEqual(["fallback", false, false]);
  });

  test("where the page has put nothing there, nothing is shown, and the room stays", async () => {
    answer = () => undefined;
    const { root } = await show("", "<template><b></b></template> ");
    expect([section(root).hidden, section(root).classList.contains("none")]).toEqual([false, true]);
  });

  test("where she cannot see it yet, its room goes too", async () => {
    answer = () => undefined;
    vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockReturnValue({ top: 99_999 } as DOMRect);
    const { root } = await show();
    expect(section(root).hidden).toBe(true);
  });

  test("what is shown stays when the API goes away", async () => {
    const { element, root } = await show('n="3"');
    answer = () => undefined;
    await element.refresh();
    expect([element.dataset.state, titles(root).length]).toEqual(["ready", 3]);
  });
});

describe("when the list changes", () => {
  test("cards that stay are the same ones, in their new places, and the page hears of it", async () => {
    const { element, root } = await show('n="3"');
    const heard = vi.fn();
    document.addEventListener("swerve:update", heard);
    const before = new Map([...root.querySelectorAll("a")].map((card) => [card.getAttribute("href"), card]));
    answer = () => list(["c", "x", "a"], { recommendation_id: "r2" });
    await element.refresh();
    const after = [...root.querySelectorAll("a")];
    expect(after.map((card) => card.getAttribute("href"))).toEqual(["/c", "/x", "/a"]);
    expect([after[0] === before.get("/c"), after[2] === before.get("/a")]).toEqual([true, true]);
    expect(after.map((card) => card.getAttribute("data-swerve-recommendation"))).toEqual(["r2", "r2", "r2"]);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(heard.mock.calls[0]?.[0].detail.recommendation_id).toBe("r2");
  });

  test("who listens hears of it, once, and not of the first list", async () => {
    const { element, root } = await show('n="3" updated="Neue Empfehlungen"');
    const status = root.querySelector("[role=status]");
    expect(status?.textContent).toBe("");
    answer = () => list(["c"]);
    await element.refresh();
    expect(status?.textContent).toBe("Neue Empfehlungen");
    await wait(3_000);
    expect(status?.textContent).toBe("");
  });

  test("the same list under another id says nothing, but the clicks carry the id", async () => {
    const { element, root } = await show('n="3"');
    const heard = vi.fn();
    element.addEventListener("swerve:update", heard);
    answer = () => list(["a", "b", "c"], { recommendation_id: "r2" });
    await element.refresh();
    expect(heard).not.toHaveBeenCalled();
    expect(root.querySelector("a")?.getAttribute("data-swerve-recommendation")).toBe("r2");
  });

  test("the focus stays with the card, else with the place", async () => {
    const { element, root } = await show('n="3"');
    const links = root.querySelectorAll("a");
    links[2]?.focus();
    answer = () => list(["c", "a", "b"]);
    await element.refresh();
    expect(root.activeElement?.getAttribute("href")).toBe("/c");
    answer = () => list(["x", "y"]);
    await element.refresh();
    expect(root.activeElement?.getAttribute("href")).toBe("/x");
  });

  test("an answer is shown though a later question is out", async () => {
    const { element, root } = await show('n="1"');
    const arrive: ((json: Recommendations) => void)[] = [];
    answer = () => new Promise((resolve) => arrive.push(resolve));
    void element.refresh();
    void element.refresh();
    await wait();
    arrive[0]?.(list(["first"]));
    await wait();
    expect(titles(root)).toEqual(["The first"]);
  });

  test("an answer that a later one has overtaken is passed over", async () => {
    const { element, root } = await show('n="1"');
    const arrive: ((json: Recommendations) => void)[] = [];
    answer = () => new Promise((resolve) => arrive.push(resolve));
    const [one, two] = [element.refresh(), element.refresh()];
    await wait();
    arrive[1]?.(list(["new"]));
    await two;
    arrive[0]?.(list(["old"]));
    await one;
    expect(titles(root)).toEqual(["The new"]);
  });
});

describe("when it asks again", () => {
  const personal = { consent: GRANTED, user: "ann" };

  test("after an event that changes her list, until the list answers it", async () => {
    const { swerve } = await show("", "", personal);
    swerve.addToCart({ item_id: "i1" });
    await wait(30);
    const before = asked().length;
    await wait(150);
    expect(asked()).toHaveLength(before + 1);
    answer = () => list(["z"], { event_time: NOW });
    await wait(250);
    expect(asked()).toHaveLength(before + 2);
    await wait(10_000);
    expect(asked()).toHaveLength(before + 2);
  });

  test("a list that another clock dated ends nothing", async () => {
    answer = () => list(["a"], { event_time: NOW + 3_600_000 });
    const { swerve } = await show("", "", personal);
    swerve.addToCart({ item_id: "i1" });
    await wait(30);
    const before = asked().length;
    await wait(10_000);
    expect(asked()).toHaveLength(before + 5);
  });

  test("not after what she was shown, which its own asking would bring about", async () => {
    const { swerve } = await show("", "", personal);
    const before = asked().length;
    swerve.track("view_item_list", { item_id: "a" });
    swerve.track("other", {});
    await wait(20_000);
    expect(asked()).toHaveLength(before);
  });

  test("not while lists are everybody's", async () => {
    const { swerve } = await show("", "", { consent: { analytics_storage: "granted" } });
    const before = asked().length;
    swerve.addToCart({ item_id: "i1" });
    await wait(20_000);
    expect(asked()).toHaveLength(before);
  });

  test("when she agrees, when she is known, when she no longer agrees", async () => {
    const { swerve } = await show();
    const who = () => /recommendations\/([^?]+)/.exec(asked().at(-1)?.url ?? "")?.[1];
    expect(who()).toBe("-");
    swerve.consent(GRANTED);
    await wait();
    expect(who()).toBe(swerve.identity()?.user_id);
    swerve.identify("ann");
    await wait();
    expect(who()).toBe("ann");
    swerve.consent(DENIED);
    await wait();
    expect(who()).toBe("-");
  });

  test("when she comes back to the tab", async () => {
    await show();
    see(false);
    const before = asked().length;
    see(true);
    await wait();
    expect(asked()).toHaveLength(before + 1);
  });

  test("not once it has gone from the page", async () => {
    const { element, swerve } = await show("", "", personal);
    element.remove();
    const before = asked().length;
    swerve.addToCart({ item_id: "i1" });
    swerve.consent(DENIED);
    see(false);
    see(true);
    await wait(20_000);
    expect(asked()).toHaveLength(before);
  });

  test("not for another heading", async () => {
    const { element, root } = await show('n="3"');
    element.setAttribute("heading", "Now");
    await wait();
    expect([root.querySelector("h2")?.textContent, element.dataset.state, asked().length]).toEqual(["Now", "ready", 1]);
  });

  test("with another number or surface", async () => {
    const { element, root } = await show('n="3"');
    element.setAttribute("n", "2");
    await wait();
    expect(root.querySelectorAll("li")).toHaveLength(2);
    element.setAttribute("surface", "cart");
    await wait();
    expect(asked().at(-1)?.url).toContain("surface=cart");
  });
});

describe("what it tells the collector", () => {
  test("which items were seen, where, and of which recommendation", async () => {
    const { root } = await show('n="2"', "", { consent: GRANTED });
    for (const card of root.querySelectorAll("a")) Observer.see(card);
    await wait(4_000);
    expect(net.events()).toMatchObject([
      { event_name: "view_item_list", item_id: "a", recommendation_id: "r1", recommendation_position: 0 },
      { event_name: "view_item_list", item_id: "b", recommendation_id: "r1", recommendation_position: 1 },
    ]);
  });

  test("which item was clicked", async () => {
    const { root } = await show('n="2"', "", { consent: GRANTED, automatic: true });
    root.querySelectorAll(".title")[1]?.dispatchEvent(new MouseEvent("click", { bubbles: true, composed: true, cancelable: true }));
    await wait(30);
    expect(net.events().at(-1)).toMatchObject({
      event_name: "select_item",
      item_id: "b",
      recommendation_id: "r1",
      recommendation_position: 1,
    });
  });
});

test.each([
  ["ltr", "ArrowRight", ["/b", "/c", "/c"]],
  ["rtl", "ArrowLeft", ["/b", "/c", "/c"]],
  ["ltr", "ArrowLeft", ["/a"]],
  ["ltr", "Enter", ["/a"]],
])("arrows go from card to card (%s, %s)", async (direction, key, places) => {
  const { element, root } = await show('n="3"');
  element.style.direction = direction;
  root.querySelector("a")?.focus();
  for (const place of places) {
    root.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true }));
    expect(root.activeElement?.getAttribute("href")).toBe(place);
  }
});
