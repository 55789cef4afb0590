/** Puts the parts together: what the page calls, what the element asks. */

import { ask } from "./api";
import { createAttention } from "./attention";
import { defined, fieldsOf, RECOMMENDATION, VIEW } from "./attributes";
import { type Catalogue, createCatalogue } from "./catalogue";
import { createConsent, followConsentMode, followTcf } from "./consent";
import { debug, guard, listen, tell, visible, warn } from "./guard";
import { createIdentity } from "./identity";
import { eventId } from "./ids";
import { createImpressions, type Impressions } from "./impressions";
import { followItems } from "./items";
import { productOf } from "./json-ld";
import { followNavigation } from "./navigation";
import { place, withoutPeople } from "./privacy";
import { createQueue } from "./queue";
import { createStore } from "./store";
import type { Call, EventFields, EventName, Item, Options, SentEvent, Swerve } from "./swerve";
import { createTokens } from "./token";
import { createSender } from "./transport";

export const VERSION = "0.1.0";

/** What changes her recommendations goes at once, the rest together. */
const SOON = 30;
const LATER = 2_000;
const IDLE: readonly EventName[] = ["other", "page_view", "view_item_list"];
export const changesHer = (event: SentEvent): boolean => !IDLE.includes(event.event_name);
/** Before she answers, so many events are remembered. */
const HELD = 100;

/** What the element needs beside the page's calls. */
export interface Client {
  readonly swerve: Swerve;
  readonly catalogue: Catalogue;
  readonly impressions: Impressions;
  /** Whether it knows where to ask. */
  ready(): boolean;
  /** Whether lists are her own. */
  personal(): boolean;
}

/** A page that the browser loads ahead is not seen yet. */
const whenShown = (begin: () => void): void => {
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", guard(begin), { once: true });
  else begin();
};

export function createClient(): Client {
  const options: Options = {};
  let started = false;
  let held: SentEvent[] = [];
  let viewed: string | undefined;
  let shown: { place: Element | undefined; id: string | undefined } | undefined;
  let referrer = document.referrer;

  const store = createStore();
  const tokens = createTokens(() => options.token);
  const identity = createIdentity(store, () => options.user);
  const consent = createConsent(() => answered());
  const sender = createSender(() => ({ endpoint: options.endpoint ?? "", writeKey: options.writeKey, consent: consent.all() }));
  const personal = (): boolean => started && consent.granted("personalization_storage");
  const queue = createQueue(
    store,
    sender,
    (events) => tell("sent", events),
    () => started && consent.granted(),
  );

  const keep = (event: SentEvent): void => queue.add({ ...event, ...identity.current(event.event_time) }, changesHer(event) ? SOON : LATER);

  const answered = (): void => {
    const events = held;
    if (consent.granted()) {
      if (!started) return;
      held = [];
      events.forEach(keep);
      queue.start();
    } else if (consent.refused()) {
      held = [];
      queue.forget();
    }
    tell("consent", consent.all());
  };

  const track = (event_name: EventName, fields: EventFields = {}): void => {
    const event_time = Date.now();
    const event: SentEvent = { ...defined(fields), event_id: eventId(event_time), event_name, event_time };
    if (started && consent.granted()) keep(event);
    else if (!consent.refused()) held = [...held.slice(1 - HELD), event];
    tell("track", event);
  };

  const viewItem = (item: Item): void => {
    if (item.item_id === viewed) return;
    viewed = item.item_id;
    track("view_item", item);
  };

  const attention = createAttention(() => leave());
  /** How long she was busy with the page until now; glances of less than a second are none. */
  const leave = (): void => {
    const engagement_ms = attention.take();
    if (engagement_ms >= 1_000 && options.automatic !== false) track("other", { item_id: viewed, engagement_ms });
  };

  const impressions = createImpressions((fields) => track("view_item_list", fields));
  const look = (): void => {
    for (const element of document.querySelectorAll(`[${RECOMMENDATION}]`)) impressions.watch(element);
    const place = document.querySelector(`[${VIEW}]`) ?? undefined;
    const item = place ? fieldsOf(place, VIEW) : options.jsonLd ? productOf(document) : undefined;
    const before = shown;
    shown = { place, id: item?.item_id };
    // An app changes its address first and its page after that: what still stands there is the item of the page before.
    if (item?.item_id && (before?.place !== place || before?.id !== item.item_id)) viewItem(item as Item);
  };
  const page = (): void => {
    leave();
    attention.reset();
    viewed = undefined;
    track("page_view", { referrer: place(referrer) });
    referrer = location.href;
    look();
  };

  const automatic = (): void => {
    listen(document, "visibilitychange", () => visible() || leave());
    listen(window, "pagehide", leave);
    followNavigation(page);
    // Back from the browser's memory, without a load.
    listen<PageTransitionEvent>(window, "pageshow", ({ persisted }) => persisted && page());
    const hovered = new Set<string | undefined>();
    followItems(track, (fields) => {
      if (hovered.has(fields.item_id)) return;
      hovered.add(fields.item_id);
      track("other", fields);
    });
    let waits = false;
    const later = guard(() => {
      waits = false;
      look();
    });
    const watcher = new MutationObserver(() => {
      if (!waits) setTimeout(later, 50);
      waits = true;
    });
    watcher.observe(document, { subtree: true, childList: true, attributeFilter: [RECOMMENDATION, VIEW] });
    page();
  };

  const init = (given: Options = {}): void => {
    const first = !started;
    Object.assign(options, defined(given));
    options.endpoint = (options.endpoint ?? "").replace(/\/+$/, "");
    debug(options.debug === true);
    started = true;
    if (first) {
      followConsentMode(consent);
      if (!followTcf(consent)) listen(window, "load", () => followTcf(consent));
    }
    if (given.consent) consent.say(given.consent, true);
    if (first) {
      if (consent.granted()) answered();
      if (options.automatic !== false) whenShown(automatic);
    }
    tell("ready");
  };

  const swerve: Swerve = {
    version: VERSION,
    init,
    consent: (choices) => consent.say(choices, true),
    identify(user) {
      tokens.refuse();
      // Who shares the device does not go on as her.
      if (!user) for (const key of ["user", "visit", "segment"]) store.remove(key);
      options.user = user;
      tell("ready");
    },
    track,
    viewItem,
    addToCart: (item) => track("add_to_cart", item),
    purchase({ transaction_id, currency, items }) {
      for (const item of items) track("purchase", { currency, ...item, transaction_id });
    },
    search: (term) => track("search", { search_term: withoutPeople(term) }),
    page,
    async recommendations(request = {}) {
      const { endpoint } = options;
      if (!personal()) return ask(request, { endpoint }, tokens);
      const given = await ask(request, { endpoint, user: identity.user(), segment: store.get("segment") }, tokens);
      if (given?.segment && personal()) store.set("segment", String(given.segment.id));
      return given;
    },
    identity: () => (started && consent.granted() ? identity.current(Date.now()) : undefined),
    flush: queue.flush,
    q: { push: (...calls) => calls.forEach(call) },
  };
  const call = ([method, ...args]: Call): void => {
    const work = swerve[method] as ((...args: unknown[]) => unknown) | undefined;
    if (work) work(...args);
    else warn(`there is no ${method}`);
  };
  for (const name of ["init", "consent", "identify", "track", "viewItem", "addToCart", "purchase", "search", "page"] as const)
    (swerve as unknown as Record<string, unknown>)[name] = guard(swerve[name] as (...args: unknown[]) => unknown);
  swerve.q.push = guard(swerve.q.push);

  return {
    swerve,
    catalogue: createCatalogue(() => options.items ?? options.itemsUrl),
    impressions,
    ready: () => started,
    personal,
  };
}
