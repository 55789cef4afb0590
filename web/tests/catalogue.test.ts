import { expect, test } from "vitest";
import { createCatalogue } from "../src/catalogue";
import type { Details } from "../src/swerve";
import { network } from "./helpers";

const about = (item_id: string): Details => ({ item_id, title: item_id.toUpperCase(), url: `/${item_id}` });

test("items are asked for once", async () => {
  const asked: string[][] = [];
  const catalogue = createCatalogue(() => (ids) => {
    asked.push(ids);
    return ids.map(about);
  });
  await catalogue.details(["a", "b"], null);
  const details = await catalogue.details(["b", "c"], null);
  expect(asked).toEqual([["a", "b"], ["c"]]);
  expect(details.get("c")?.title).toBe("C");
});

test("two lists that ask at once, and an item that is not sold any more, cost one question", async () => {
  const asked: string[][] = [];
  const catalogue = createCatalogue(() => async (ids) => {
    asked.push(ids);
    return ids.filter((id) => id !== "gone").map(about);
  });
  const [one, two] = await Promise.all([catalogue.details(["a", "gone"], null), catalogue.details(["gone", "a"], null)]);
  expect([one.get("a")?.title, two.get("a")?.title, two.has("gone")]).toEqual(["A", "A", false]);
  await catalogue.details(["gone"], null);
  expect(asked).toEqual([["a", "gone"]]);
});

test.each([(items: Details[]) => items, (items: Details[]) => ({ items })])(
  "an address gives them, as a list or as its member",
  async (wrap) => {
    const { requests } = network(() => ({ json: wrap([about("a&b")]) }));
    const details = await createCatalogue(() => "/items?ids={ids}").details(["a&b", "c"], null);
    expect(requests[0]?.url).toBe("/items?ids=a%26b,c");
    expect([...details.keys()]).toEqual(["a&b"]);
  },
);

test("the element's own address comes first", async () => {
  const { requests } = network(() => ({ json: [] }));
  await createCatalogue(() => "/all?{ids}").details(["a"], "/some?{ids}");
  expect(requests[0]?.url).toBe("/some?a");
});

test("a shop that does not tell gives nothing, and is asked again", async () => {
  const browser = network(() => ({ status: 500 }));
  const catalogue = createCatalogue(() => "/items?{ids}");
  expect((await catalogue.details(["a"], null)).size).toBe(0);
  browser.answer = () => ({ json: [about("a")] });
  expect((await catalogue.details(["a"], null)).size).toBe(1);
  let throws = true;
  const hasty = createCatalogue(() => (ids) => {
    if (throws) throw new Error("no");
    return ids.map(about);
  });
  expect((await hasty.details(["a"], null)).size).toBe(0);
  throws = false;
  expect((await hasty.details(["a"], null)).size).toBe(1);
  expect((await createCatalogue(() => undefined).details(["a"], null)).size).toBe(0);
});
