import { expect, test, vi } from "vitest";
import { createTokens, expiry } from "../src/token";

const NOW = 1_700_000_000;
const part = (value: object) => btoa(JSON.stringify(value)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const jwt = (exp?: number) => `${part({ alg: "HS256" })}.${part({ sub: "ü?>", exp })}.signature`;

test("when a token expires", () => {
  expect(expiry(jwt(NOW))).toBe(NOW * 1000);
  expect(expiry(jwt())).toBe(Number.POSITIVE_INFINITY);
  expect(expiry("opaque")).toBe(Number.POSITIVE_INFINITY);
});

test("without a source there is none", async () => {
  expect(await createTokens(() => undefined).get("u")).toBeUndefined();
});

test("it is asked for once, by however many, and again half a minute before it expires", async () => {
  let asked = 0;
  const tokens = createTokens(() => async () => `${jwt(NOW + 300)}${asked++}`);
  const [one, two] = await Promise.all([tokens.get("u"), tokens.get("u")]);
  expect([asked, one === two]).toEqual([1, true]);
  vi.advanceTimersByTime(270_000);
  expect(await tokens.get("u")).toBe(one);
  vi.advanceTimersByTime(1_000);
  expect(await tokens.get("u")).not.toBe(one);
});

test("it is hers only", async () => {
  const tokens = createTokens(() => (user) => `token of ${user}`);
  expect(await tokens.get("ann")).toBe("token of ann");
  expect(await tokens.get("bea")).toBe("token of bea");
});

test("one that was refused is not used again", async () => {
  let asked = 0;
  const tokens = createTokens(() => () => `token ${++asked}`);
  await tokens.get("u");
  tokens.refuse();
  expect(await tokens.get("u")).toBe("token 2");
});

test("two requests that were refused with the same one ask for one other", async () => {
  let asked = 0;
  const tokens = createTokens(() => () => `token ${++asked}`);
  const old = await tokens.get("u");
  tokens.refuse(old);
  const fresh = tokens.get("u");
  tokens.refuse(old);
  expect([await tokens.get("u"), await fresh]).toEqual(["token 2", "token 2"]);
});

test("a source that fails is asked again the next time", async () => {
  let fails = true;
  const tokens = createTokens(() => async () => {
    if (fails) throw new Error("away");
    return "token";
  });
  expect(await tokens.get("u")).toBeUndefined();
  fails = false;
  expect(await tokens.get("u")).toBe("token");
});
