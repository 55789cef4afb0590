import { beforeEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../src/client";
import type { Options, SentEvent } from "../src/swerve";
import { DENIED, freshPage, GRANTED, go, list, network, see, stored, watchStorage } from "./helpers";

let net: ReturnType<typeof network>;
const start = (options: Options = {}) => {
  const { swerve } = createClient({ endpoint: "https://c.example", ...options });
  swerve.init();
  return swerve;
};
const told = (name: string): unknown[] => {
  const heard: unknown[] = [];
  document.addEventListener(`swerve:${name}`, (event) => heard.push((event as CustomEvent).detail));
  return heard;
};
const names = (events: readonly SentEvent[] = net.events()) => events.map(({ event_name }) => event_name);
const wait = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const page = window as unknown as { dataLayer?: unknown[] };

beforeEach(async () => {
  delete page.dataLayer;
  go("https://shop.example/?utm=1");
  net = network();
  await freshPage('<main data-swerve-view-item="i9" data-swerve-price="3"></main>');
});

describe("before she agrees", () => {
  test("nothing is sent, nothing is stored, nothing is read", async () => {
    const used = vi.fn();
    watchStorage(used);
    const swerve = start();
    swerve.addToCart({ item_id: "i1" });
    swerve.search("pram");
    await wait(10_000);
    see(false);
    window.dispatchEvent(new Event("pagehide"));
    await wait(1_000_000);
    await swerve.flush();
    expect(used).not.toHaveBeenCalled();
    expect([net.requests, net.beacons, stored(), document.cookie]).toEqual([[], [], [], ""]);
    expect(swerve.identity()).toBeUndefined();
  });

  test("what she did is remembered, and sent once she agrees", async () => {
    const swerve = start();
    swerve.addToCart({ item_id: "i1" });
    await wait(5_000);
    swerve.consent(GRANTED);
    await wait(0);
    expect(names()).toEqual(["page_view", "view_item", "add_to_cart"]);
    const [, , cart] = net.events();
    expect(cart).toMatchObject({ item_id: "i1", event_time: 1_700_000_000_000, ...swerve.identity() });
  });

  test("not more than a hundred of them", async () => {
    const swerve = start();
    for (let number = 0; number < 150; number++) swerve.addToCart({ item_id: `i${number}` });
    swerve.consent(GRANTED);
    await wait(0);
    expect(net.events().map(({ item_id }) => item_id)).toEqual(Array.from({ length: 100 }, (_, number) => `i${number + 50}`));
  });

  test("if she refuses it is forgotten, and so is what comes after", async () => {
    const swerve = start();
    swerve.consent(DENIED);
    swerve.addToCart({ item_id: "i1" });
    swerve.consent(GRANTED);
    swerve.addToCart({ item_id: "i2" });
    await wait(5_000);
    expect(net.events().map(({ item_id }) => item_id)).toEqual(["i2"]);
  });
});

describe("when she withdraws", () => {
  test("what is stored is deleted, and she is another if she comes back", async () => {
    const swerve = start({ consent: GRANTED });
    await wait(5_000);
    const before = swerve.identity()?.user_id;
    expect(stored()).toContain("swerve:user");
    net.answer = () => ({ status: 503 });
    swerve.addToCart({ item_id: "i1" });
    await wait(100);
    swerve.consent(DENIED);
    expect(stored()).toEqual([]);
    const sent = net.requests.length;
    await wait(600_000);
    expect(net.requests).toHaveLength(sent);
    swerve.consent(GRANTED);
    expect(swerve.identity()?.user_id).not.toBe(before);
  });

  test("what an earlier visit stored is deleted as soon as she refuses", () => {
    localStorage.setItem("swerve:user", "old");
    start({ consent: DENIED });
    expect(stored()).toEqual([]);
  });
});

describe("consent of the page's own banner", () => {
  test("consent mode is followed", async () => {
    page.dataLayer = [["consent", "default", DENIED]];
    start();
    page.dataLayer.push(["consent", "update", { analytics_storage: "granted" }]);
    await wait(0);
    expect(JSON.parse(net.requests[0]?.text ?? "").consent).toEqual({ analytics_storage: "granted", personalization_storage: "denied" });
  });

  test("TCF that comes late is found when the page has loaded", async () => {
    start();
    const consents = { 1: true, 5: true, 6: true };
    const api = (_: string, __: number, heard: (data: unknown, ok: boolean) => void) =>
      heard({ eventStatus: "tcloaded", gdprApplies: true, purpose: { consents } }, true);
    vi.stubGlobal("__tcfapi", api);
    window.dispatchEvent(new Event("load"));
    await wait(0);
    expect(names()).toEqual(["page_view", "view_item"]);
  });

  test("the page hears of it", () => {
    const heard = told("consent");
    start({ consent: { analytics_storage: "granted" } });
    expect(heard.at(-1)).toEqual({ analytics_storage: "granted", personalization_storage: "denied" });
  });
});

describe("what is sent", () => {
  test("what changes her list goes at once, the rest waits for company", async () => {
    const swerve = start({ consent: GRANTED, automatic: false });
    swerve.track("page_view");
    await wait(1_999);
    expect(net.requests).toEqual([]);
    swerve.addToCart({ item_id: "i1" });
    await wait(30);
    expect(names()).toEqual(["page_view", "add_to_cart"]);
  });

  test("a purchase is an event for each item", async () => {
    const swerve = start({ consent: GRANTED, automatic: false });
    swerve.purchase({
      transaction_id: "t1",
      currency: "EUR",
      items: [
        { item_id: "a", price: 2 },
        { item_id: "b", quantity: 2, currency: "CHF" },
      ],
    });
    await wait(100);
    expect(net.events()).toMatchObject([
      { event_name: "purchase", transaction_id: "t1", currency: "EUR", item_id: "a", price: 2 },
      { event_name: "purchase", transaction_id: "t1", currency: "CHF", item_id: "b", quantity: 2 },
    ]);
  });

  test("what an earlier page left goes first, as soon as she has agreed", async () => {
    start({ consent: GRANTED, automatic: false }).addToCart({ item_id: "earlier" });
    net.answer = () => ({ status: 503, headers: { "Retry-After": "3600" } });
    await wait(100);
    net.answer = () => ({ status: 202 });
    net.requests.length = 0;
    start({ consent: GRANTED, automatic: false });
    await wait(0);
    expect(net.events().map(({ item_id }) => item_id)).toEqual(["earlier"]);
  });

  test("an item that is viewed again on another page counts again", async () => {
    document.body.innerHTML = "";
    const swerve = start({ consent: GRANTED, automatic: false });
    for (let page = 0; page < 2; page++) {
      swerve.viewItem({ item_id: "i2" });
      swerve.page();
    }
    await wait(3_000);
    expect(net.events().filter(({ item_id }) => item_id === "i2")).toHaveLength(2);
  });

  test("an item that is viewed twice on a page counts once", async () => {
    const swerve = start({ consent: GRANTED });
    swerve.viewItem({ item_id: "i9" });
    swerve.viewItem({ item_id: "i2" });
    await wait(100);
    expect(
      net
        .events()
        .filter(({ event_name }) => event_name === "view_item")
        .map(({ item_id }) => item_id),
    ).toEqual(["i9", "i2"]);
  });

  test("no person is in a referrer or a search", async () => {
    vi.spyOn(document, "referrer", "get").mockReturnValue("https://mail.example/u/ann@mail.example?token=1#2");
    const swerve = start({ consent: GRANTED });
    swerve.search("gift for ann@mail.example");
    await wait(100);
    expect(net.events()[0]).toMatchObject({ event_name: "page_view", referrer: "https://mail.example/u/-" });
    expect(net.events().at(-1)).toMatchObject({ search_term: "gift for -" });
    expect(JSON.stringify(net.requests)).not.toContain("ann@");
    expect(JSON.stringify(net.requests)).not.toContain("utm");
  });

  test("the page hears of each event, and of those that were acknowledged", async () => {
    const [tracked, sent] = [told("track"), told("sent")];
    const swerve = start({ consent: GRANTED, automatic: false });
    swerve.addToCart({ item_id: "i1" });
    await wait(100);
    expect(tracked).toMatchObject([{ event_name: "add_to_cart" }]);
    expect(sent).toMatchObject([[{ event_name: "add_to_cart", item_id: "i1" }]]);
  });
});

describe("by itself", () => {
  test("dwell, when she leaves", async () => {
    start({ consent: GRANTED });
    await wait(7_000);
    see(false);
    const [beacon] = await Promise.all(net.beacons);
    expect(JSON.parse(beacon ?? "").events).toMatchObject([{ event_name: "other", item_id: "i9", engagement_ms: 7_000 }]);
  });

  test("a glance at one page and one at the next are none", async () => {
    start({ consent: GRANTED });
    await wait(900);
    history.pushState({}, "", "/list");
    await wait(900);
    see(false);
    const beacons = await Promise.all(net.beacons);
    expect(beacons.flatMap((text) => names(JSON.parse(text).events))).toEqual(["page_view"]);
  });

  test("a mouse that rests on the same item again tells nothing new", async () => {
    document.body.innerHTML = '<a data-swerve-item="i1"></a><b></b>';
    start({ consent: GRANTED });
    const over = (selector: string) =>
      document.querySelector(selector)?.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
    for (let time = 0; time < 2; time++) {
      over("a");
      await wait(700);
      over("b");
    }
    await wait(3_000);
    expect(names()).toEqual(["page_view", "other"]);
  });

  test("an app's next page, whose item is not the one that still stands there", async () => {
    start({ consent: GRANTED });
    await wait(3_000);
    history.pushState({}, "", "/list");
    await wait(10);
    document.querySelector("main")?.remove();
    await wait(100);
    history.pushState({}, "", "/i10");
    document.body.innerHTML = '<main data-swerve-view-item="i10"></main>';
    await wait(3_000);
    expect(net.events().map(({ event_name, item_id, referrer }) => [event_name, item_id, referrer])).toEqual([
      ["page_view", undefined, undefined],
      ["view_item", "i9", undefined],
      ["other", "i9", undefined],
      ["page_view", undefined, "https://shop.example/"],
      ["page_view", undefined, "https://shop.example/list"],
      ["view_item", "i10", undefined],
    ]);
  });

  test("a page that comes back from the browser's memory", async () => {
    start({ consent: GRANTED });
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await wait(3_000);
    expect(names()).toEqual(["page_view", "view_item", "page_view"]);
  });

  test("a product that is described for search engines, if the page wants that", async () => {
    const product = '<script type="application/ld+json">{"@type":"Product","sku":"i5"}</script>';
    document.body.innerHTML = product;
    start({ consent: GRANTED });
    start({ consent: GRANTED, jsonLd: true });
    await wait(100);
    expect(net.events().filter(({ event_name }) => event_name === "view_item")).toMatchObject([{ item_id: "i5" }]);
  });

  test("nothing, if the page says so", async () => {
    start({ consent: GRANTED, automatic: false });
    await wait(60_000);
    see(false);
    expect([net.requests, net.beacons]).toEqual([[], []]);
  });

  test("a page that is loaded ahead is not seen before it is shown", async () => {
    Object.assign(document, { prerendering: true });
    start({ consent: GRANTED });
    await wait(5_000);
    expect(net.requests).toEqual([]);
    Object.assign(document, { prerendering: false });
    document.dispatchEvent(new Event("prerenderingchange"));
    await wait(5_000);
    expect(names()).toEqual(["page_view", "view_item"]);
  });
});

describe("who she is", () => {
  test("the shop says it, and says that she has left", async () => {
    const swerve = start({ consent: GRANTED, automatic: false });
    const anonymous = swerve.identity()?.user_id;
    swerve.identify("ann");
    expect(swerve.identity()?.user_id).toBe("ann");
    swerve.identify();
    expect([anonymous, "ann"]).not.toContain(swerve.identity()?.user_id);
  });

  test("without consent to personalise she gets what everybody gets", async () => {
    net.answer = ({ url }) => ({ json: url.includes("/v1/recommendations/") ? list(["a"]) : {} });
    const swerve = start({ consent: { analytics_storage: "granted" }, user: "ann", token: () => "secret" });
    await swerve.recommendations({ n: 3 });
    expect(net.requests.at(-1)?.url).toContain("/v1/recommendations/-?");
    swerve.consent({ personalization_storage: "granted" });
    await swerve.recommendations({ n: 3 });
    expect(net.requests.at(-1)).toMatchObject({
      url: "https://c.example/v1/recommendations/ann?surface=home&n=3",
      headers: { Authorization: "Bearer secret" },
    });
    await swerve.recommendations();
    expect(net.requests.at(-1)?.url).toContain("segment=3");
  });
});

describe("the page never breaks", () => {
  test("by what it passes", () => {
    const swerve = start({ consent: GRANTED });
    for (const call of [
      () => swerve.viewItem(undefined as never),
      () => swerve.purchase({} as never),
      () => swerve.search(7 as never),
      () => swerve.consent(null as never),
      () => swerve.track("other", null as never),
      () => swerve.init({ endpoint: 7 as never }),
      () => swerve.q.push(["toString"] as never, null as never, ["viewItem", { item_id: "i1" }]),
    ])
      expect(call).not.toThrow();
  });

  test("by a listener of its own that fails", () => {
    document.addEventListener("swerve:track", () => {
      throw new Error("theirs");
    });
    const swerve = start({ consent: GRANTED });
    expect(() => swerve.addToCart({ item_id: "i1" })).not.toThrow();
  });
});
