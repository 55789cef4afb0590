import { beforeEach, expect, test, vi } from "vitest";
import { createAttention } from "../src/attention";
import { see } from "./helpers";

const page = document.documentElement;
const depths: number[] = [];
const tall = (scrollHeight: number, clientHeight: number): void => {
  Object.defineProperty(page, "scrollHeight", { value: scrollHeight, configurable: true });
  Object.defineProperty(page, "clientHeight", { value: clientHeight, configurable: true });
};
const scroll = (to: number): void => {
  vi.stubGlobal("scrollY", to);
  window.dispatchEvent(new Event("scroll"));
  vi.advanceTimersByTime(200);
};

beforeEach(() => {
  see(true);
  depths.length = 0;
});

test("only time that she looks counts, and each moment once", () => {
  const attention = createAttention(() => undefined);
  vi.advanceTimersByTime(3_000);
  see(false);
  vi.advanceTimersByTime(60_000);
  see(true);
  vi.advanceTimersByTime(2_000);
  expect(attention.take()).toBe(5_000);
  expect(attention.take()).toBe(0);
});

test("a page in the background begins when she comes", () => {
  see(false);
  const attention = createAttention(() => undefined);
  vi.advanceTimersByTime(60_000);
  see(true);
  vi.advanceTimersByTime(1_500);
  expect(attention.take()).toBe(1_500);
});

test("a glance is none, but it is not lost", () => {
  const attention = createAttention(() => undefined);
  vi.advanceTimersByTime(600);
  expect(attention.take()).toBe(0);
  vi.advanceTimersByTime(600);
  expect(attention.take()).toBe(1_200);
  vi.advanceTimersByTime(600);
  attention.reset();
  vi.advanceTimersByTime(600);
  expect(attention.take()).toBe(0);
});

test("each quarter of the page is reached once", () => {
  tall(4_000, 500);
  createAttention((percent) => depths.push(percent));
  for (const to of [100, 600, 500, 700, 2_600, 3_499.4, 0, 3_500]) scroll(to);
  expect(depths).toEqual([25, 75, 100]);
});

test("another page begins at its top", () => {
  tall(4_000, 500);
  const attention = createAttention((percent) => depths.push(percent));
  scroll(3_500);
  attention.reset();
  scroll(600);
  expect(depths).toEqual([100, 25]);
});

test("what fits on the screen has no depth", () => {
  tall(500, 500);
  createAttention((percent) => depths.push(percent));
  scroll(0);
  expect(depths).toEqual([]);
});
