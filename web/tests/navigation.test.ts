import { beforeEach, expect, test, vi } from "vitest";
import { followNavigation } from "../src/navigation";
import { go } from "./helpers";

let moves: string[];
beforeEach(() => {
  go("https://shop.example/");
  moves = [];
});
const follow = () => followNavigation(() => moves.push(location.pathname + location.search + location.hash));

test("an app that goes to another page is noticed; one that stays is not", () => {
  follow();
  history.pushState({}, "", "/prams");
  history.replaceState({ scroll: 7 }, "", "/prams");
  history.replaceState({}, "", "/prams?sort=price");
  history.pushState({}, "", "/prams?sort=price#reviews");
  history.pushState({}, "", "#/cart");
  expect(moves).toEqual(["/prams", "/prams?sort=price", "/prams?sort=price#/cart"]);
});

test("the browser's own word is used where it has one", () => {
  const navigation = new EventTarget();
  vi.stubGlobal("navigation", navigation);
  const { pushState } = history;
  follow();
  expect(history.pushState).toBe(pushState);
  go("https://shop.example/dresses");
  navigation.dispatchEvent(new Event("currententrychange"));
  navigation.dispatchEvent(new Event("currententrychange"));
  expect(moves).toEqual(["/dresses"]);
});
