/**
 * Events on their way. Each is a key of its own in the store, so that tabs do not overwrite each other's, and stays there until the
 * collector has it: over a reload, and while she is offline. One tab sends at a time.
 */

import { guard, later, listen } from "./guard";
import { timeOf } from "./ids";
import type { Store } from "./store";
import type { SentEvent } from "./swerve";
import type { Sender } from "./transport";

/** Browsers let a page that goes away send 64 KiB. */
const BATCH_BYTES = 50_000;
const BATCH_EVENTS = 50;
/** Of what waits: more than that, or older, and the oldest is dropped. */
const KEPT_BYTES = 250_000;
const KEPT_MS = 3 * 24 * 3_600_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 300_000;
const LOCK = "swerve";
const CATCH_UP = 250;

export interface Queue {
  /** Keeps an event, and sends it within so many milliseconds. */
  add(event: SentEvent, within: number): void;
  flush(): Promise<void>;
  /** Sends what fits before the page goes away. */
  leave(): void;
  /** Sends what an earlier page left. */
  start(): void;
  /** Drops everything that waits, in the store too. */
  forget(): void;
}

interface Waiting {
  key: string;
  text: string;
}

const parse = guard((text: string) => JSON.parse(text) as SentEvent);

export function createQueue(store: Store, sender: Sender, sent: (events: readonly SentEvent[]) => void, allowed: () => boolean): Queue {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;
  let failures = 0;
  let notBefore = 0;
  let size = BATCH_EVENTS;
  let flushing: Promise<void> | undefined;
  const onTheWay = new Set<string>();

  const waiting = (): Waiting[] => store.keys("e:").map((key) => ({ key, text: store.get(key) ?? "" }));

  const trim = (): void => {
    const all = waiting();
    let bytes = all.reduce((sum, { text }) => sum + text.length, 0);
    for (const { key, text } of all) {
      if (bytes <= KEPT_BYTES && Date.now() - timeOf(key.slice(2)) < KEPT_MS) break;
      store.remove(key);
      bytes -= text.length;
    }
  };

  /** The oldest that are not on their way, as many as one request takes. */
  const next = (): Waiting[] => {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (const each of waiting()) {
      if (onTheWay.has(each.key)) continue;
      bytes += each.text.length;
      if (batch.length && (batch.length >= size || bytes > BATCH_BYTES)) break;
      batch.push(each);
    }
    return batch;
  };
  /** Without what somebody else wrote there. */
  const eventsOf = (batch: readonly Waiting[]): SentEvent[] => batch.map(({ text }) => parse(text)).filter((event) => event !== undefined);
  const drop = (batch: readonly Waiting[]): void => {
    for (const { key } of batch) store.remove(key);
  };

  const sendAll = async (): Promise<void> => {
    trim();
    for (let batch = next(); batch.length && allowed(); batch = next()) {
      const events = eventsOf(batch);
      for (const { key } of batch) onTheWay.add(key);
      const outcome = await sender.send(events);
      for (const { key } of batch) onTheWay.delete(key);
      if (!allowed()) return;
      if (outcome === "split") {
        size = Math.max(1, batch.length >> 1);
      } else if (outcome === "done") {
        drop(batch);
        failures = 0;
        size = BATCH_EVENTS;
        sent(events);
      } else {
        const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
        // Pages that lost the same server do not all come back in the same moment.
        notBefore = Date.now() + (outcome.wait ?? wait * (0.5 + Math.random() / 2));
        schedule(0);
        return;
      }
    }
  };

  /** Alone among the tabs, where the browser has locks; elsewhere a batch may be sent twice, and the collector knows its ids. */
  const alone = async (work: () => Promise<void>): Promise<void> => {
    let begun = false;
    const once = (): Promise<void> => {
      begun = true;
      return work();
    };
    try {
      const { locks } = navigator;
      await locks?.request(LOCK, { ifAvailable: true }, (lock) => lock && once());
      // Another tab has just sent: what it has removed is still there for this one for a moment.
      if (!begun) await locks?.request(LOCK, () => new Promise((done) => setTimeout(done, CATCH_UP)).then(once));
    } catch (error) {
      if (begun) throw error;
    }
    if (!begun) await once();
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    due = Number.POSITIVE_INFINITY;
    if (!allowed()) return Promise.resolve();
    if (Date.now() < notBefore) {
      schedule(0);
      return Promise.resolve();
    }
    flushing ??= alone(sendAll).finally(() => {
      flushing = undefined;
    });
    return flushing;
  };

  const schedule = (within: number): void => {
    const at = Math.max(Date.now() + within, notBefore);
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = later(at - Date.now(), flush);
  };

  const leave = (): void => {
    // Where the collector is known to be away, they wait in the store for better times.
    if (!allowed() || failures || !navigator.onLine) return;
    for (let batch = next(); batch.length; batch = next()) {
      if (!sender.beacon(eventsOf(batch))) return;
      drop(batch);
    }
  };

  listen(window, "online", () => {
    notBefore = 0;
    schedule(0);
  });

  return {
    add(event, within) {
      store.set(`e:${event.event_id}`, JSON.stringify(event));
      if (failures) trim();
      schedule(within);
    },
    flush,
    leave,
    start() {
      if (waiting().length) schedule(0);
    },
    forget() {
      clearTimeout(timer);
      due = Number.POSITIVE_INFINITY;
      failures = notBefore = 0;
      store.clear();
    },
  };
}
