import { execFileSync } from "node:child_process";
import { beforeEach, expect, test, vi } from "vitest";
import { install } from "../src/install";
import type { Call } from "../src/swerve";
import { freshPage, GRANTED, network } from "./helpers";

const stub = (...q: Call[]) => Object.assign(window, { swerve: { q } });

beforeEach(async () => {
  network();
  delete window.swerve;
  await freshPage();
});

test("what was asked for before it came is done, in order, and after what the tag says", async () => {
  const { events } = network();
  stub(["init", { user: "ann" }], ["consent", GRANTED], ["addToCart", { item_id: "i1" }]);
  install({ endpoint: "https://c.example", user: "tag", automatic: false }, true);
  await vi.advanceTimersByTimeAsync(100);
  expect(events()).toMatchObject([{ event_name: "add_to_cart", user_id: "ann" }]);
});

test("what is put into the queue after that is done at once", () => {
  const swerve = install({ consent: GRANTED, user: "ann" }, true);
  swerve.q.push(["identify", "bea"]);
  expect(swerve.identity()?.user_id).toBe("bea");
});

test("a call that does not exist is passed over", () => {
  stub(["nonsense"] as never, ["init", { user: "ann", consent: GRANTED }]);
  expect(install({}, false).identity()?.user_id).toBe("ann");
});

test("loaded twice, it does nothing", () => {
  const swerve = install({}, true);
  const listen = vi.spyOn(document, "addEventListener");
  expect(install({ endpoint: "https://other.example" }, true)).toBe(swerve);
  expect(listen).not.toHaveBeenCalled();
});

test("the script reads its tag", async () => {
  const { requests } = network();
  const tag = document.createElement("script");
  Object.defineProperty(tag, "src", { value: "https://swerve.example/swerve.js" });
  Object.assign(tag.dataset, { writeKey: "k", user: "ann", consent: "granted", itemsUrl: "/items?{ids}", tokenUrl: "/token?u={user}" });
  vi.spyOn(document, "currentScript", "get").mockReturnValue(tag);
  vi.resetModules();
  await import("../src/script");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(requests[0]?.url).toBe("https://swerve.example/v1/events");
  expect(JSON.parse(requests[0]?.text ?? "")).toMatchObject({ write_key: "k", consent: GRANTED, events: [{ user_id: "ann" }] });
  await window.swerve?.recommendations();
  expect(requests.some(({ url }) => url === "/token?u=ann")).toBe(true);
});

test("the built module does nothing where there is no page", () => {
  const code = `import swerve from "../serving/static/swerve.mjs"; swerve.init(); swerve.viewItem({ item_id: "i1" }); console.log(typeof swerve.recommendations)`;
  expect(execFileSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" }).trim()).toBe("function");
});
