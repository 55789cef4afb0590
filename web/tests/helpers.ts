/** A browser's parts that a test drives by hand. */

import { vi } from "vitest";
import type { Recommendations, SentEvent } from "../src/swerve";

export interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
  text: string;
  keepalive: boolean | undefined;
}
type Answer = { status?: number; json?: unknown; headers?: Record<string, string> };

/** Takes the page's requests; what `answer` throws is a network that is away. */
export function network(answer: (request: Request) => Answer | Promise<Answer> = () => ({ status: 202, json: {} })) {
  const requests: Request[] = [];
  const state = { answer };
  vi.stubGlobal("fetch", async (url: string | URL, init: RequestInit = {}) => {
    const text = init.body instanceof Blob ? await init.body.text() : String(init.body ?? "");
    const headers = { ...(init.headers as Record<string, string>) };
    const request = { method: init.method ?? "GET", url: String(url), headers, text, keepalive: init.keepalive };
    requests.push(request);
    const { status = 200, json = {}, headers: given = {} } = await state.answer(request);
    return new Response(JSON.stringify(json), { status, headers: given });
  });
  const beacons: Promise<string>[] = [];
  Object.assign(navigator, {
    sendBeacon: (_: string, body: Blob) => {
      beacons.push(body.text());
      return true;
    },
  });
  return {
    requests,
    beacons,
    set answer(next: typeof answer) {
      state.answer = next;
    },
    /** Events that were posted, in order. */
    events: (): SentEvent[] => requests.filter(({ url }) => url.endsWith("/v1/events")).flatMap(({ text }) => JSON.parse(text).events),
  };
}

/** What the observer was told to watch, and a way to say that it is on the screen. */
export class Observer {
  static all: Observer[] = [];
  readonly watched = new Set<Element>();
  readonly told: (entries: unknown[]) => void;
  constructor(told: (entries: unknown[]) => void) {
    this.told = told;
    Observer.all.push(this);
  }
  observe(target: Element): void {
    this.watched.add(target);
  }
  unobserve(target: Element): void {
    this.watched.delete(target);
  }
  static see(target: Element, share = 1): void {
    for (const { watched, told } of Observer.all)
      if (watched.has(target)) told([{ target, isIntersecting: share > 0, intersectionRatio: share }]);
  }
}

export function see(visible: boolean): void {
  Object.defineProperty(document, "visibilityState", { value: visible ? "visible" : "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

export const GRANTED = { analytics_storage: "granted", personalization_storage: "granted" } as const;
export const DENIED = { analytics_storage: "denied", personalization_storage: "denied" } as const;

/** The page's storage, each use of which is told first; what `told` throws, it throws. */
export function watchStorage(told: (name: string) => void): void {
  const real = localStorage;
  const watched = new Proxy(real, {
    get(_, name) {
      const value = Reflect.get(real, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        told(String(name));
        return value.apply(real, args);
      };
    },
    ownKeys(_) {
      told("keys");
      return Reflect.ownKeys(real);
    },
  });
  vi.stubGlobal("localStorage", watched);
}

export const stored = (): string[] => Object.keys(localStorage).sort();

export const list = (items: readonly string[], more: Partial<Recommendations> = {}): Recommendations => ({
  recommendation_id: "r1",
  surface: "home",
  event_time: 1,
  generated_at: 1,
  segment: { id: 3, name: "Prams" },
  model: { name: "demo", version: "1" },
  items: items.map((item_id, index) => ({ item_id, score: 1 - index / 100, reason: "popular" })),
  ...more,
});

/** A new page in the same browser: what is stored stays, what listened is gone. */
export async function freshPage(html = ""): Promise<void> {
  Observer.all = [];
  vi.stubGlobal("IntersectionObserver", Observer);
  document.body.innerHTML = html;
  see(true);
}

/** The page's address becomes another one, without its doing. */
export const go = (address: string): void => (window as unknown as { happyDOM: { setURL(url: string): void } }).happyDOM.setURL(address);
