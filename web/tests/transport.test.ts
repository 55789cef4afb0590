import { beforeEach, expect, test, vi } from "vitest";
import { debug } from "../src/guard";
import { createSender } from "../src/transport";
import { DENIED, GRANTED, network } from "./helpers";

const event = { event_id: "e1", event_name: "view_item", event_time: 1, item_id: "i1", user_id: "u", session_id: "s" } as const;
const sender = (writeKey: string | undefined = "key") =>
  createSender(() => ({ endpoint: "https://c.example", writeKey, consent: GRANTED }));

beforeEach(() => debug(false));

test("a batch is text, so that no browser asks first", async () => {
  const { requests } = network();
  expect(await sender().send([event])).toBe("done");
  const [request] = requests;
  expect(request).toMatchObject({ method: "POST", url: "https://c.example/v1/events", headers: {} });
  expect(JSON.parse(request?.text ?? "")).toEqual({
    write_key: "key",
    sent_at: 1_700_000_000_000,
    consent: GRANTED,
    events: [event],
  });
});

test("without a key there is none", async () => {
  const { requests } = network();
  await createSender(() => ({ endpoint: "", writeKey: undefined, consent: DENIED })).send([event]);
  expect(JSON.parse(requests[0]?.text ?? "")).not.toHaveProperty("write_key");
});

test.each([202, 200, 400, 401, 403, 404, 422])("%i is not sent again", async (status) => {
  network(() => ({ status }));
  expect(await sender().send([event])).toBe("done");
});

test.each([500, 502, 503, 408, 425, 429])("%i is sent again", async (status) => {
  network(() => ({ status }));
  expect(await sender().send([event])).toEqual({ wait: undefined });
});

test("a network that is away is waited for", async () => {
  network(() => {
    throw new TypeError("Failed to fetch");
  });
  expect(await sender().send([event])).toEqual({ wait: undefined });
});

test.each([
  ["7", 7_000],
  ["Tue, 14 Nov 2023 22:13:50 GMT", 30_000],
  ["Tue, 14 Nov 2023 22:00:00 GMT", undefined],
  ["soon", undefined],
])("Retry-After: %s", async (said, wait) => {
  network(() => ({ status: 503, headers: { "Retry-After": said } }));
  expect(await sender().send([event])).toEqual({ wait });
});

test("what is too large is split, unless it is one", async () => {
  network(() => ({ status: 413 }));
  expect(await sender().send([event, event])).toBe("split");
  expect(await sender().send([event])).toBe("done");
});

test("what was not taken is told to those who ask for it", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  network(() => ({ status: 202, json: { accepted: 0, rejected: [{ index: 0, detail: "price: is negative" }] } }));
  await sender().send([event]);
  expect(warned).not.toHaveBeenCalled();
  debug(true);
  await sender().send([event]);
  expect(JSON.stringify(warned.mock.calls)).toContain("price: is negative");
});

test.each([
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15", 5, "tablet"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15", 0, undefined],
  ["Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/140.0 Mobile Safari/537.36", 5, undefined],
])("an iPad that says it is a Mac is told, and what the headers say is not: %s", async (userAgent, maxTouchPoints, device) => {
  const { requests } = network();
  vi.stubGlobal("navigator", { userAgent, maxTouchPoints });
  await sender().send([event]);
  expect(JSON.parse(requests[0]?.text ?? "").device).toBe(device);
});

test("a body that is too large for a page that goes away does not have to outlive it", async () => {
  const { requests } = network();
  await sender().send([event]);
  await sender().send([{ ...event, item_name: "ä".repeat(31_000) }]);
  expect(requests.map(({ keepalive }) => keepalive)).toEqual([true, false]);
});
