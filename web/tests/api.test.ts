import { expect, test } from "vitest";
import { ask } from "../src/api";
import { createTokens } from "../src/token";
import { list, network } from "./helpers";

const none = createTokens(() => undefined);
let given = 0;
const signed = () => {
  given = 0;
  return createTokens(() => () => `t${++given}`);
};
const ANN = { endpoint: "https://api.example", user: "ann/1" };

test("nobody in particular gets what everybody gets, and shows nothing of herself", async () => {
  const { requests } = network(() => ({ json: list(["a"]) }));
  expect((await ask({}, { endpoint: "https://api.example" }, signed()))?.items).toHaveLength(1);
  expect(requests).toMatchObject([{ url: "https://api.example/v1/recommendations/-?surface=home&n=10", headers: {} }]);
});

test("she gets her own, with her token", async () => {
  const { requests } = network(() => ({ json: list(["a"]) }));
  await ask({ surface: "cart", n: 4 }, { ...ANN, segment: "3" }, signed());
  expect(requests).toMatchObject([
    { url: "https://api.example/v1/recommendations/ann%2F1?surface=cart&n=4&segment=3", headers: { Authorization: "Bearer t1" } },
  ]);
});

test("a token that has expired is asked for once more", async () => {
  const { requests } = network(({ headers }) => (headers.Authorization === "Bearer t2" ? { json: list(["a"]) } : { status: 401 }));
  expect(await ask({}, ANN, signed())).toBeDefined();
  expect(requests).toHaveLength(2);
});

test.each([401, 403, 404])("where she is refused (%i) she gets what everybody gets", async (status) => {
  const { requests } = network(({ url }) => (url.includes("/-?") ? { json: list(["a"]) } : { status }));
  expect(await ask({}, ANN, none)).toBeDefined();
  expect(requests).toHaveLength(2);
});

test("actions are answered at once", async () => {
  const { requests } = network(() => ({ json: list(["a"]) }));
  const actions = [{ event_name: "view_item", item_id: "i1" }] as const;
  await ask({ actions, n: 3 }, ANN, none);
  expect(requests).toMatchObject([{ method: "POST", url: "https://api.example/api/recommendations" }]);
  expect(JSON.parse(requests[0]?.text ?? "")).toEqual({ userId: "ann/1", actions, surface: "home", n: 3 });
});

test("an API that is away, or out of order, gives nothing", async () => {
  const browser = network(() => ({ status: 500 }));
  expect(await ask({}, ANN, none)).toBeUndefined();
  browser.answer = () => {
    throw new TypeError("Failed to fetch");
  };
  expect(await ask({}, ANN, none)).toBeUndefined();
});

test("without an endpoint nobody is asked", async () => {
  const { requests } = network();
  expect(await ask({}, { endpoint: undefined }, none)).toBeUndefined();
  expect(requests).toEqual([]);
});
