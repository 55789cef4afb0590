import { beforeEach, describe, expect, test, vi } from "vitest";
import { eventId } from "../src/ids";
import { createQueue } from "../src/queue";
import { createStore } from "../src/store";
import type { SentEvent } from "../src/swerve";
import type { Outcome, Sender } from "../src/transport";

const START = 1_700_000_000_000;
let allowed: boolean;
let outcomes: Outcome[];
let batches: string[][];
let beacons: string[][];
let takesBeacons: boolean;
let acknowledged: string[];

const names = (events: readonly SentEvent[]) => events.map(({ item_id }) => item_id ?? "");
const sender: Sender = {
  send: async (events) => {
    batches.push(names(events));
    return outcomes.shift() ?? "done";
  },
  beacon: (events) => takesBeacons && beacons.push(names(events)) > 0,
};
/** A page: several of them share what is stored, as tabs do. */
const page = () =>
  createQueue(
    createStore(),
    sender,
    (events) => acknowledged.push(...names(events)),
    () => allowed,
  );
const event = (item_id: string, more: Partial<SentEvent> = {}): SentEvent => {
  const event_time = Date.now();
  return { event_id: eventId(event_time), event_name: "view_item", event_time, item_id, ...more };
};
const online = (now: boolean): void => {
  Object.defineProperty(navigator, "onLine", { value: now, configurable: true });
  if (now) window.dispatchEvent(new Event("online"));
};

beforeEach(() => {
  [allowed, takesBeacons, outcomes, batches, beacons, acknowledged] = [true, true, [], [], [], []];
  online(true);
});

test("what comes together goes together, in order, and is gone when it was acknowledged", async () => {
  const queue = page();
  for (const item of ["a", "b", "c"]) queue.add(event(item), 50);
  expect(localStorage).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(49);
  expect(batches).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toEqual([["a", "b", "c"]]);
  expect(acknowledged).toEqual(["a", "b", "c"]);
  expect(localStorage).toHaveLength(0);
});

test("what is urgent takes along what is not", async () => {
  const queue = page();
  queue.add(event("later"), 2_000);
  queue.add(event("now"), 30);
  await vi.advanceTimersByTimeAsync(30);
  expect(batches).toEqual([["later", "now"]]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(batches).toHaveLength(1);
});

test("many are sent in several batches", async () => {
  const queue = page();
  for (let number = 0; number < 120; number++) queue.add(event(String(number)), 0);
  await vi.advanceTimersByTimeAsync(0);
  expect(batches.map((batch) => batch.length)).toEqual([50, 50, 20]);
  expect(batches.flat()).toEqual(Array.from({ length: 120 }, (_, number) => String(number)));
});

test("large ones are sent in several batches", async () => {
  const queue = page();
  for (const item of ["a", "b", "c"]) queue.add(event(item, { item_name: "x".repeat(20_000) }), 0);
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([["a", "b"], ["c"]]);
});

test("what the collector finds too large is halved until it is not", async () => {
  outcomes = ["split", "split", "done"];
  const queue = page();
  for (const item of ["a", "b", "c", "d"]) queue.add(event(item), 0);
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([["a", "b", "c", "d"], ["a", "b"], ["a"], ["b", "c", "d"]]);
  expect(acknowledged).toEqual(["a", "b", "c", "d"]);
});

test("pauses double, with chance in them, and end with success", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  outcomes = Array.from({ length: 4 }, () => ({ wait: undefined }));
  const queue = page();
  queue.add(event("a"), 0);
  const times: number[] = [];
  for (let step = 0; step < 16_000; step += 100) {
    const before = batches.length;
    await vi.advanceTimersByTimeAsync(100);
    if (batches.length > before) times.push(Math.round((Date.now() - START) / 100) / 10);
  }
  expect(times).toEqual([0.1, 1, 3, 7, 15]);
  expect(acknowledged).toEqual(["a"]);
  queue.add(event("b"), 0);
  await vi.advanceTimersByTimeAsync(0);
  expect(acknowledged).toEqual(["a", "b"]);
});

test("the collector's own word on when to come back is kept, also by what comes later", async () => {
  outcomes = [{ wait: 20_000 }];
  const queue = page();
  queue.add(event("a"), 0);
  await vi.advanceTimersByTimeAsync(0);
  queue.add(event("b"), 0);
  await queue.flush();
  await vi.advanceTimersByTimeAsync(19_900);
  expect(batches).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(batches).toEqual([["a"], ["a", "b"]]);
});

test("it does not wait once the browser is online again", async () => {
  outcomes = [{ wait: undefined }, { wait: undefined }, { wait: undefined }, { wait: undefined }];
  const queue = page();
  queue.add(event("a"), 0);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(acknowledged).toEqual([]);
  outcomes = [];
  online(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(acknowledged).toEqual(["a"]);
});

describe("over a reload", () => {
  test("what waited is sent by the next page", async () => {
    outcomes = [{ wait: 60_000 }];
    page().add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    page().start();
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["a"]);
    expect(localStorage).toHaveLength(0);
  });

  test("what somebody else wrote there stops nothing", async () => {
    localStorage.setItem("swerve:e:018bcfe568000000aaaaaaaaaaaaaaaa", "{broken");
    const queue = page();
    queue.add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["a"]);
    expect(localStorage).toHaveLength(0);
  });

  test("the oldest goes where there is too much", async () => {
    outcomes = Array.from({ length: 9 }, () => ({ wait: 1_000_000 }));
    const queue = page();
    queue.add(event("first"), 0);
    await vi.advanceTimersByTimeAsync(0);
    for (let number = 0; number < 30; number++) queue.add(event(`${number}`, { item_name: "x".repeat(10_000) }), 0);
    const bytes = Object.values({ ...localStorage }).reduce((sum, text) => sum + String(text).length, 0);
    expect(bytes).toBeLessThan(250_000);
    outcomes = [];
    online(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).not.toContain("first");
    expect(acknowledged.at(-1)).toBe("29");
  });

  test("what is three days old goes", async () => {
    page().add(event("old"), 1e9);
    vi.setSystemTime(START + 3 * 24 * 3_600_000 + 1);
    page().add(event("new"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["new"]);
  });
});

describe("several tabs", () => {
  test("one sends at a time, and nothing is sent twice", async () => {
    let holder: Promise<void> | undefined;
    type Work = (lock: object | null) => Promise<void> | null;
    // As browsers do it, of which the tests' one has none.
    const request = async (_: string, ...rest: [{ ifAvailable: boolean }, Work] | [Work]) => {
      const work = rest.at(-1) as Work;
      if (rest.length > 1 && holder) return work(null);
      await holder;
      holder = Promise.resolve(work({})).then(() => {
        holder = undefined;
      });
      return holder;
    };
    Object.defineProperty(navigator, "locks", { value: { request }, configurable: true });
    const [one, two] = [page(), page()];
    one.add(event("a"), 0);
    two.add(event("b"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(batches).toEqual([["a", "b"]]);
    await vi.advanceTimersByTimeAsync(1_000);
    two.add(event("c"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(batches).toEqual([["a", "b"], ["c"]]);
    Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
  });

  test("where locks are forbidden they are done without", async () => {
    const request = () => Promise.reject(new DOMException("no", "SecurityError"));
    Object.defineProperty(navigator, "locks", { value: { request }, configurable: true });
    page().add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["a"]);
    Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
  });
});

describe("when the page goes away", () => {
  test("what waits goes by beacon, once", async () => {
    const queue = page();
    queue.add(event("a"), 2_000);
    queue.leave();
    queue.leave();
    expect(beacons).toEqual([["a"]]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(batches).toEqual([]);
  });

  test("what is on its way is not sent a second time", async () => {
    let arrive: (outcome: Outcome) => void = () => undefined;
    vi.spyOn(sender, "send").mockReturnValue(new Promise((resolve) => (arrive = resolve)));
    const queue = page();
    queue.add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    queue.add(event("b"), 2_000);
    queue.leave();
    expect(beacons).toEqual([["b"]]);
    arrive("done");
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["a"]);
  });

  test.each([
    ["the browser does not take it", () => (takesBeacons = false)],
    ["she is offline", () => online(false)],
  ])("it stays where %s", (_, away) => {
    away();
    const queue = page();
    queue.add(event("a"), 2_000);
    queue.leave();
    expect(beacons).toEqual([]);
    expect(localStorage).toHaveLength(1);
  });

  test("it stays where the collector is known to be away", async () => {
    outcomes = [{ wait: 60_000 }];
    const queue = page();
    queue.add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    queue.leave();
    expect(beacons).toEqual([]);
    expect(localStorage).toHaveLength(1);
  });
});

describe("when she withdraws", () => {
  test("nothing is left, and nothing is sent", async () => {
    const queue = page();
    queue.add(event("a"), 50);
    allowed = false;
    queue.forget();
    queue.leave();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([batches, beacons, localStorage.length]).toEqual([[], [], 0]);
  });

  test("what is on its way then does not come back", async () => {
    let arrive: (outcome: Outcome) => void = () => undefined;
    vi.spyOn(sender, "send").mockReturnValue(new Promise((resolve) => (arrive = resolve)));
    const queue = page();
    queue.add(event("a"), 0);
    await vi.advanceTimersByTimeAsync(0);
    allowed = false;
    queue.forget();
    arrive({ wait: undefined });
    await vi.advanceTimersByTimeAsync(0);
    expect(sender.send).toHaveBeenCalledTimes(1);
    expect(localStorage).toHaveLength(0);
    vi.restoreAllMocks();
    allowed = true;
    queue.add(event("b"), 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(acknowledged).toEqual(["b"]);
  });
});
