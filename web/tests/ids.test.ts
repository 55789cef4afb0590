import { expect, test } from "vitest";
import { eventId, newId, timeOf } from "../src/ids";

test("ids of events sort as they happened, within a millisecond too", () => {
  const ids = [eventId(1_700_000_000_000), eventId(1_700_000_000_000), eventId(1_700_000_000_001), eventId(1_700_000_000_001)];
  expect([...ids].sort()).toEqual(ids);
  expect(ids.map(timeOf)).toEqual([1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_001]);
});

test("no two ids are alike", () => {
  const ids = Array.from({ length: 1000 }, newId);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});
