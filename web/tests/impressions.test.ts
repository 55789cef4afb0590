import { beforeEach, expect, test, vi } from "vitest";
import { createImpressions } from "../src/impressions";
import { freshPage, Observer, see } from "./helpers";

let seen: unknown[];
const card = (item: string, recommendation = "r1") => {
  const element = document.createElement("a");
  element.setAttribute("data-swerve-item", item);
  element.setAttribute("data-swerve-recommendation", recommendation);
  element.setAttribute("data-swerve-position", "2");
  document.body.append(element);
  return element;
};
const start = () => createImpressions(({ item_id, recommendation_id }) => seen.push(`${item_id} of ${recommendation_id}`));

beforeEach(async () => {
  await freshPage();
  seen = [];
});

test("half of it, for a second, once", () => {
  const impressions = start();
  const element = card("a");
  impressions.watch(element);
  Observer.see(element, 0.4);
  vi.advanceTimersByTime(2_000);
  expect(seen).toEqual([]);
  Observer.see(element, 0.5);
  vi.advanceTimersByTime(999);
  expect(seen).toEqual([]);
  vi.advanceTimersByTime(1);
  Observer.see(element, 1);
  vi.advanceTimersByTime(2_000);
  expect(seen).toEqual(["a of r1"]);
});

test("what was scrolled past was not seen", () => {
  const impressions = start();
  const element = card("a");
  impressions.watch(element);
  Observer.see(element, 1);
  vi.advanceTimersByTime(900);
  Observer.see(element, 0);
  vi.advanceTimersByTime(2_000);
  expect(seen).toEqual([]);
});

test("what stood in a tab that she had left is looked at when she comes back", () => {
  const impressions = start();
  const element = card("a");
  impressions.watch(element);
  Observer.see(element, 1);
  see(false);
  vi.advanceTimersByTime(5_000);
  expect(seen).toEqual([]);
  see(true);
  Observer.see(element, 1);
  vi.advanceTimersByTime(1_000);
  expect(seen).toEqual(["a of r1"]);
});

test("a card that shows another item counts anew, one that is looked at again does not", () => {
  const impressions = start();
  const element = card("a");
  const look = () => {
    impressions.watch(element);
    Observer.see(element, 1);
    vi.advanceTimersByTime(1_000);
  };
  look();
  look();
  element.setAttribute("data-swerve-item", "b");
  look();
  element.setAttribute("data-swerve-recommendation", "r2");
  look();
  expect(seen).toEqual(["a of r1", "b of r1", "b of r2"]);
});

test("being watched again does not begin the second anew", () => {
  const impressions = start();
  const element = card("a");
  impressions.watch(element);
  Observer.see(element, 1);
  vi.advanceTimersByTime(600);
  const unobserve = vi.spyOn(Observer.prototype, "unobserve");
  impressions.watch(element);
  expect(unobserve).not.toHaveBeenCalled();
  vi.advanceTimersByTime(400);
  expect(seen).toEqual(["a of r1"]);
});

test("what is no recommendation is not watched", () => {
  const impressions = start();
  const element = document.createElement("a");
  element.setAttribute("data-swerve-item", "a");
  impressions.watch(element);
  expect(Observer.all[0]?.watched.size).toBe(0);
});
