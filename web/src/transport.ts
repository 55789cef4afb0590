/** One batch to the collector. As text, which a browser sends to another origin without asking first. */

import { warn } from "./guard";
import type { Consent, SentEvent } from "./swerve";

/** What became of a batch: it need not be sent again, it has to be smaller, or it has to wait (ms, if the server said). */
export type Outcome = "done" | "split" | { wait: number | undefined };

export interface Sender {
  send(events: readonly SentEvent[]): Promise<Outcome>;
  /** Without an answer, for a page that goes away: whether the browser took it. */
  beacon(events: readonly SentEvent[]): boolean;
}

export interface Envelope {
  endpoint: string;
  writeKey: string | undefined;
  consent: Required<Consent>;
}

const TIMEOUT = 10_000;

/** What browsers send for a page that has gone, in bytes. */
const KEPT_ALIVE = 60_000;

export const body = (events: readonly SentEvent[], { writeKey, consent }: Envelope): Blob =>
  new Blob([JSON.stringify({ write_key: writeKey, sent_at: Date.now(), device: device(), consent, events })], { type: "text/plain" });

export function createSender(envelope: () => Envelope): Sender {
  const address = () => `${envelope().endpoint}/v1/events`;
  return {
    async send(events) {
      const text = body(events, envelope());
      let answer: Response;
      try {
        answer = await fetch(address(), {
          method: "POST",
          body: text,
          credentials: "omit",
          referrerPolicy: "origin",
          keepalive: text.size < KEPT_ALIVE,
          signal: AbortSignal.timeout(TIMEOUT),
        });
      } catch (error) {
        warn("the collector does not answer", error);
        return { wait: undefined };
      }
      const { status } = answer;
      if (status === 413 && events.length > 1) return "split";
      if (status >= 500 || [408, 425, 429].includes(status)) return { wait: retryAfter(answer) };
      const said = (await answer.json().catch(() => ({}))) as { rejected?: unknown[]; detail?: string };
      if (status >= 400 || said.rejected?.length) warn(`events were not taken (${status})`, said.detail, said.rejected);
      return "done";
    },
    beacon: (events) => navigator.sendBeacon(address(), body(events, envelope())),
  };
}

const retryAfter = (answer: Response): number | undefined => {
  const said = answer.headers.get("Retry-After");
  if (!said) return undefined;
  const wait = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now();
  return wait > 0 ? wait : undefined;
};

/** What the collector cannot see in the headers: an iPad says that it is a Mac, but no Mac has a touch screen. */
const device = (): "tablet" | undefined => (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1 ? "tablet" : undefined);
