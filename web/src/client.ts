/** Puts the parts together: what the page calls, what the element asks. */

import { ask } from "./api";
import { createAttention } from "./attention";
import { defined, fieldsOf, RECOMMENDATION, VIEW } from "./attributes";
import { type Catalogue, createCatalogue } from "./catalogue";
import { createConsent, followConsentMode, followTcf } from "./consent";
import { debug, gathered, guard, listen, tell, visible, warn } from "./guard";
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

export function createClient(options: Options): Client {
  let started = false;
  let held: SentEvent[] = [];
  let viewed: string | undefined;
  let shown: { from: Element | undefined; id: string | undefined } | undefined;
  let referrer = document.referrer;

  const store = createStore();
  const tokens = createTokens(() => options.token);
  const identity = createIdentity(store, () => options.user);
  const consent = createConsent(() => answered());
  const sender = createSender(() => ({ endpoint: options.endpoint ?? "", writeKey: options.writeKey, consent: consent.all() }));
  const agreed = (): boolean => started && consent.granted();
  const personal = (): boolean => started && consent.granted("personalization_storage");
  const queue = createQueue(store, sender, (events) => tell("sent", events), agreed);

  const keep = (event: SentEvent): void =>
    queue.add({ ...event, ...identity.current(event.event_time, true) }, changesHer(event) ? SOON : LATER);

  const answered = (): void => {
    if (agreed()) {
      for (const event of held.splice(0)) keep(event);
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
    if (agreed()) keep(event);
    else if (!consent.refused()) held = [...held.slice(1 - HELD), event];
    tell("track", event);
  };

  const viewItem = (item: Item): void => {
    if (item.item_id === viewed) return;
    viewed = item.item_id;
    track("view_item", item);
  };
  const search = (term: string): void => track("search", { search_term: withoutPeople(term) });

  const attention = createAttention(() => engaged());
  /** How long she was busy with the page, until now. */
  const engaged = (): void => {
    const engagement_ms = attention.take();
    if (engagement_ms && options.automatic !== false) track("other", { item_id: viewed, engagement_ms });
  };

  const impressions = createImpressions((fields) => track("view_item_list", fields));
  const look = (): void => {
    document.querySelectorAll(`[${RECOMMENDATION}]`).forEach(impressions.watch);
    const from = document.querySelector(`[${VIEW}]`) ?? undefined;
    const item = from ? fieldsOf(from, VIEW) : options.jsonLd ? productOf(document) : undefined;
    const id = item?.item_id;
    // An app changes its address first and its page after that: what still stands there is the item of the page before.
    const isNew = shown?.from !== from || shown?.id !== id;
    shown = { from, id };
    if (id && isNew) viewItem(item as Item);
  };
  const page = (): void => {
    engaged();
    attention.reset();
    viewed = undefined;
    track("page_view", { referrer: place(referrer) });
    referrer = location.href;
    look();
  };

  const automatic = (): void => {
    followNavigation(page);
    // Back from the browser's memory, without a load.
    listen<PageTransitionEvent>(window, "pageshow", ({ persisted }) => persisted && page());
    const hovers = new Set<string | undefined>();
    followItems({
      track,
      searched: search,
      hovered(fields) {
        if (!hovers.has(fields.item_id)) track("other", fields);
        hovers.add(fields.item_id);
      },
    });
    const changes = { subtree: true, childList: true, attributeFilter: [RECOMMENDATION, VIEW] };
    new MutationObserver(gathered(50, look)).observe(document, changes);
    attention.reset();
    page();
  };

  const begin = (): void => {
    started = true;
    followConsentMode(consent);
    if (!followTcf(consent)) listen(window, "load", () => followTcf(consent));
    const leave = (): void => {
      engaged();
      queue.leave();
    };
    listen(document, "visibilitychange", () => visible() || leave());
    listen(window, "pagehide", leave);
    // What an earlier page left, and what was called before this.
    if (consent.granted()) answered();
    if (options.automatic !== false) whenShown(automatic);
  };

  const init = (given: Options = {}): void => {
    Object.assign(options, defined(given));
    options.endpoint = (options.endpoint ?? "").replace(/\/+$/, "");
    debug(options.debug === true);
    const choices = started ? given.consent : options.consent;
    if (choices) consent.say(choices, true);
    if (!started) begin();
    tell("ready");
  };

  const swerve: Swerve = {
    version: VERSION,
    init,
    consent: (choices) => consent.say(choices, true),
    identify(user) {
      tokens.refuse();
      if (!user) identity.forget();
      options.user = user;
      tell("ready");
    },
    track,
    viewItem,
    addToCart: (item) => track("add_to_cart", item),
    purchase({ transaction_id, currency, items }) {
      for (const item of items) track("purchase", { currency, ...item, transaction_id });
    },
    search,
    page,
    async recommendations(request = {}) {
      const { endpoint } = options;
      if (!personal()) return ask(request, { endpoint }, tokens);
      const given = await ask(request, { endpoint, user: identity.user(), segment: store.get("segment") }, tokens);
      if (given?.segment && personal()) store.set("segment", String(given.segment.id));
      return given;
    },
    identity: () => (agreed() ? identity.current(Date.now(), false) : undefined),
    flush: queue.flush,
    q: { push: (...calls) => calls.forEach(guard(call)) },
  };
  const methods = swerve as unknown as Record<string, (...args: unknown[]) => unknown>;
  const call = ([name, ...args]: Call): void => {
    const method = methods[name];
    if (method) method(...args);
    else warn(`there is no ${name}`);
  };
  for (const name in methods) if (typeof methods[name] === "function") methods[name] = guard(methods[name]);

  return { swerve, catalogue: createCatalogue(() => options.items ?? options.itemsUrl), impressions, ready: () => started, personal };
}

/** A page that the browser loads ahead is not seen yet. */
const whenShown = (begin: () => void): void => {
  if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", guard(begin), { once: true });
  else begin();
};
