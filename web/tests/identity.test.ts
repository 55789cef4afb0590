import { beforeEach, expect, test } from "vitest";
import { createIdentity } from "../src/identity";
import { createStore } from "../src/store";

const MINUTE = 60_000;
let known: string | undefined;
const shopper = () => createIdentity(createStore(), () => known);

beforeEach(() => {
  known = undefined;
});

test("a random id stays, over pages", () => {
  const first = shopper().current(0, true);
  expect(shopper().current(1, true)).toEqual(first);
});

test("the shop's id for her wins, and is not stored", () => {
  known = "u7";
  expect(shopper().current(0, true).user_id).toBe("u7");
  expect(localStorage.getItem("swerve:user")).toBeNull();
});

test("a visit ends after half an hour of nothing", () => {
  const { session_id } = shopper().current(0, true);
  expect(shopper().current(29 * MINUTE, true).session_id).toBe(session_id);
  expect(shopper().current(58 * MINUTE, true).session_id).toBe(session_id);
  expect(shopper().current(88 * MINUTE, true).session_id).not.toBe(session_id);
});

test("to be asked who she is does not make the visit last", () => {
  const { session_id } = shopper().current(0, true);
  expect(shopper().current(20 * MINUTE, false).session_id).toBe(session_id);
  expect(shopper().current(31 * MINUTE, false).session_id).not.toBe(session_id);
});

test("who comes after her is another", () => {
  const before = shopper().current(0, true);
  shopper().forget();
  const after = shopper().current(1, true);
  expect(after.user_id).not.toBe(before.user_id);
  expect(after.session_id).not.toBe(before.session_id);
});
