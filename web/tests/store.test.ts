import { expect, test, vi } from "vitest";
import { createStore } from "../src/store";
import { watchStorage } from "./helpers";

test("keys are sorted, by their beginning, and the shop's own are not among them", () => {
  localStorage.setItem("basket", "3");
  const store = createStore();
  for (const key of ["e:2", "e:1", "user"]) store.set(key, key);
  expect(store.keys("e:")).toEqual(["e:1", "e:2"]);
  store.clear();
  expect(Object.keys(localStorage)).toEqual(["basket"]);
});

test("where there is no room it remembers for as long as the page lives", () => {
  const store = createStore();
  store.set("user", "old");
  watchStorage((name) => {
    if (name === "setItem") throw new DOMException("full", "QuotaExceededError");
  });
  store.set("user", "new");
  expect(store.get("user")).toBe("new");
  expect(store.keys("")).toEqual(["user"]);
  vi.unstubAllGlobals();
  store.set("user", "newest");
  expect([store.get("user"), localStorage.getItem("swerve:user")]).toEqual(["newest", "newest"]);
  store.clear();
  expect(store.get("user")).toBeUndefined();
});

test("where storage is forbidden it remembers for as long as the page lives", () => {
  const real = Object.getOwnPropertyDescriptor(globalThis, "localStorage") as PropertyDescriptor;
  const forbidden = () => {
    throw new DOMException("no", "SecurityError");
  };
  Object.defineProperty(globalThis, "localStorage", { get: forbidden, configurable: true });
  const store = createStore();
  store.set("user", "u");
  expect(store.get("user")).toBe("u");
  store.remove("user");
  expect(store.keys("")).toEqual([]);
  Object.defineProperty(globalThis, "localStorage", real);
});
