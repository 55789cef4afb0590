import { expect, test } from "vitest";
import { place, withoutPeople } from "../src/privacy";

test("an address is cut to origin and path", () => {
  expect(place("https://shop.example/prams/7?email=a@b.example#top")).toBe("https://shop.example/prams/7");
  expect(place("https://shop.example")).toBe("https://shop.example/");
});

test("a path that holds somebody's address does not keep it", () => {
  expect(place("https://shop.example/u/ann@mail.example/orders")).toBe("https://shop.example/u/-/orders");
  expect(place("https://shop.example/u/ann%40mail.example")).toBe("https://shop.example/u/-");
});

test.each(["", "about:blank", "javascript:alert(1)", "file:///home/ann/x.html", "no address"])("%j is no place", (address) => {
  expect(place(address)).toBeUndefined();
});

test("a search for a person is none", () => {
  expect(withoutPeople("prams for ann@mail.example please")).toBe("prams for - please");
  expect(withoutPeople("prams 4x4")).toBe("prams 4x4");
});
