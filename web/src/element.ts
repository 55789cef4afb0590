/** `<swerve-recommendations surface="home">`: shows what is recommended, and keeps its room on the page while it does not know it. */

import type { Entry } from "./card";
import { type Client, changesHer } from "./client";
import { createFrame, type Frame } from "./frame";
import { guard, later, listen, visible } from "./guard";
import { createList, type List } from "./list";
import type { Recommendations, SentEvent, SwerveRecommendationsElement } from "./swerve";

const NAME = "swerve-recommendations";
/** More is asked for than is shown: the shop may not tell about every item. */
const SPARE = 4;
/** When to look for what an event has changed, in milliseconds after it was acknowledged. */
const LOOKS = [150, 400, 800, 1_600, 3_200];
/** A list whose event is that much newer than hers was made by another clock. */
const SAME_CLOCK = 5_000;
const PATIENCE = 1_500;

interface Shown {
  /** It is on a page, with other attributes, or has just come there. */
  begin(): void;
  /** It is called otherwise. */
  dress(): void;
  leave(): void;
  refresh(): Promise<void>;
  current(): Recommendations | undefined;
}

export function defineElement(client: Client, name = NAME): void {
  if (customElements.get(name)) return;
  customElements.define(
    name,
    class extends HTMLElement implements SwerveRecommendationsElement {
      static observedAttributes = ["surface", "n", "heading", "heading-level", "label", "layout", "items-url"];
      #shown: Shown | undefined;

      connectedCallback(): void {
        guard(() => {
          this.#shown ??= show(this, client);
          this.#shown.begin();
        })();
      }

      disconnectedCallback(): void {
        this.#shown?.leave();
      }

      attributeChangedCallback(name: string): void {
        if (this.isConnected) guard(() => (/^(heading|label)/.test(name) ? this.#shown?.dress() : this.#shown?.begin()))();
      }

      get recommendations(): Recommendations | undefined {
        return this.#shown?.current();
      }

      async refresh(): Promise<void> {
        await this.#shown?.refresh();
      }
    },
  );
}

function show(host: HTMLElement, { swerve, catalogue, impressions, ready, personal }: Client): Shown {
  const frame: Frame = createFrame(host);
  const list: List = createList(frame.list);
  let current: Recommendations | undefined;
  let places = 0;
  let asked = 0;
  let answered = 0;
  let timers: ReturnType<typeof setTimeout>[] = [];
  let here: AbortController | undefined;

  const take = (given: Recommendations, entries: readonly Entry[]): void => {
    const first = !current;
    current = given;
    const changed = list.show(entries);
    frame.show();
    for (const card of list.cards()) impressions.watch(card);
    if (!changed) return;
    if (!first) frame.say(host.getAttribute("updated") ?? "Recommendations updated");
    host.dispatchEvent(new CustomEvent("swerve:update", { detail: given, bubbles: true, composed: true }));
  };

  const refresh = async (): Promise<void> => {
    if (!ready()) return;
    const number = ++asked;
    const given = await swerve.recommendations({ surface: host.getAttribute("surface") || "home", n: places + SPARE });
    const items = given?.items ?? [];
    const ids = items.map(({ item_id }) => item_id);
    const details = await catalogue.details(ids, host.getAttribute("items-url"));
    // A later question may have been answered before this one.
    if (number < answered) return;
    answered = number;
    const entries = items
      .map((item, position) => ({ item, position, details: details.get(item.item_id), recommendation: given?.recommendation_id }))
      .filter((entry): entry is Entry => entry.details !== undefined)
      .slice(0, places);
    if (given && entries.length) take(given, entries);
    else if (!current) frame.fallBack();
  };

  /** After an event: until the list answers it. */
  const follow = ({ detail }: CustomEvent<readonly SentEvent[]>): void => {
    const latest = Math.max(0, ...detail.filter(changesHer).map((event) => event.event_time));
    if (!latest || !personal()) return;
    timers.forEach(clearTimeout);
    timers = LOOKS.map((wait) =>
      later(wait, () => {
        const newer = (current?.event_time ?? 0) - latest;
        if ((newer < 0 || newer > SAME_CLOCK) && visible()) void guard(refresh)();
      }),
    );
  };

  const leave = (): void => {
    here?.abort();
    timers.forEach(clearTimeout);
  };

  /** Arrows go from card to card. */
  const step = (event: KeyboardEvent): void => {
    const links = [...frame.list.querySelectorAll<HTMLElement>("li:not(.none) :is(a,button)")];
    const at = links.indexOf((frame.list.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    const right = getComputedStyle(host).direction === "rtl" ? -1 : 1;
    const by = { ArrowLeft: -right, ArrowRight: right }[event.key];
    const target = by && at >= 0 && links[at + by];
    if (!target) return;
    event.preventDefault();
    target.focus();
    // A browser thinks a part of it is enough.
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  frame.list.addEventListener("keydown", guard(step));

  return {
    begin() {
      leave();
      here = new AbortController();
      const { signal } = here;
      listen(document, "swerve:ready swerve:consent", refresh, signal);
      listen(document, "swerve:sent", follow, signal);
      listen(document, "visibilitychange", () => (visible() ? refresh() : undefined), signal);
      current = undefined;
      places = Math.min(100, Math.max(1, Number.parseInt(host.getAttribute("n") ?? "", 10) || 8));
      list.reset(places, host.querySelector("template"), host.closest<HTMLElement>("[lang]")?.lang);
      frame.dress();
      frame.wait();
      timers = [later(Number(host.getAttribute("timeout") ?? PATIENCE), () => current || frame.fallBack())];
      void guard(refresh)();
    },
    dress: frame.dress,
    leave,
    refresh,
    current: () => current,
  };
}
