/** `<swerve-recommendations surface="home">`: shows what is recommended, and keeps its room on the page while it does not know it. */

import type { Entry } from "./card";
import { type Client, changesHer } from "./client";
import { guard, visible } from "./guard";
import { createList, type List } from "./list";
import { STYLE } from "./style";
import type { Recommendations, SentEvent, SwerveRecommendationsElement } from "./swerve";

const NAME = "swerve-recommendations";
/** More is asked for than is shown: the shop may not tell about every item. */
const SPARE = 4;
/** When to look for what an event has changed, in milliseconds after it was acknowledged. */
const LOOKS = [150, 400, 800, 1_600, 3_200];
const PATIENCE = 1_500;

const MARKUP = `<section part="section" aria-labelledby="h" aria-busy="true" class="loading"><div id="h"><slot name="heading"></slot></div>
<div class="box"><ul part="list" role="list"></ul><div part="fallback" class="fallback" hidden><slot></slot></div></div><p class="quiet" role="status"></p></section>`;

let sheet: CSSStyleSheet | undefined;

export function defineElement(client: Client): void {
  if (customElements.get(NAME)) return;

  class Element extends HTMLElement implements SwerveRecommendationsElement {
    static observedAttributes = ["surface", "n", "heading", "heading-level", "layout", "items-url"];

    recommendations: Recommendations | undefined;
    readonly #root: ShadowRoot = this.attachShadow({ mode: "open" });
    #list: List | undefined;
    #leaving: AbortController | undefined;
    #patience: ReturnType<typeof setTimeout> | undefined;
    #looks: ReturnType<typeof setTimeout>[] = [];
    #asked = 0;
    #answered = 0;

    connectedCallback(): void {
      this.#leaving = new AbortController();
      this.#hear("swerve:ready swerve:consent", () => void this.refresh());
      this.#hear("swerve:sent", (event) => this.#follow((event as CustomEvent<readonly SentEvent[]>).detail));
      this.#hear("visibilitychange", () => visible() && void this.refresh());
      guard(() => this.#begin())();
    }

    disconnectedCallback(): void {
      this.#leaving?.abort();
      clearTimeout(this.#patience);
      this.#looks.forEach(clearTimeout);
    }

    attributeChangedCallback(): void {
      if (this.#list) guard(() => this.#begin())();
    }

    async refresh(): Promise<void> {
      if (!client.ready()) return;
      const number = ++this.#asked;
      const given = await client.swerve.recommendations({ surface: this.getAttribute("surface") || "home", n: this.#n + SPARE });
      const items = given?.items ?? [];
      const details = await client.catalogue.details(
        items.map(({ item_id }) => item_id),
        this.getAttribute("items-url") ?? undefined,
      );
      // A later question may have been answered before this one.
      if (number < this.#answered || !this.isConnected) return;
      this.#answered = number;
      const entries = items
        .map((item, position) => ({ item, position, details: details.get(item.item_id), recommendation: given?.recommendation_id ?? "" }))
        .filter((entry): entry is Entry => entry.details !== undefined)
        .slice(0, this.#n);
      if (given && entries.length) this.#show(given, entries);
      else if (!this.recommendations) this.#fallBack();
    }

    get #n(): number {
      return Math.min(100, Math.max(1, Number.parseInt(this.getAttribute("n") ?? "", 10) || 8));
    }

    get #section(): HTMLElement {
      return this.#root.querySelector("section") as HTMLElement;
    }

    #hear(names: string, heard: (event: Event) => void): void {
      const signal = this.#leaving?.signal as AbortSignal;
      for (const name of names.split(" ")) document.addEventListener(name, guard(heard), { signal });
    }

    /** Reserves its room, and asks. */
    #begin(): void {
      if (!this.#list) {
        // Not as an element, which a page's Content-Security-Policy would refuse.
        sheet ??= new CSSStyleSheet();
        sheet.replaceSync(STYLE);
        this.#root.adoptedStyleSheets = [sheet];
        this.#root.innerHTML = MARKUP;
        const list = this.#root.querySelector("ul") as HTMLElement;
        list.addEventListener(
          "keydown",
          guard((event: KeyboardEvent) => this.#step(event)),
        );
        this.#list = createList(list);
      }
      const section = this.#section;
      const heading = this.getAttribute("heading") ?? "Recommended for you";
      const level = /^[1-6]$/.exec(this.getAttribute("heading-level") ?? "")?.[0] ?? "2";
      const title = document.createElement(`h${level}`);
      title.part.add("heading");
      title.textContent = heading;
      this.#root.querySelector("slot[name=heading]")?.replaceChildren(title);
      section.classList.toggle("row", this.getAttribute("layout") === "row");
      this.recommendations = undefined;
      const language = (this.closest("[lang]") as HTMLElement | null)?.lang || undefined;
      this.#list.reset(this.#n, this.querySelector("template") ?? undefined, language);
      this.#state("loading");
      clearTimeout(this.#patience);
      this.#patience = setTimeout(
        guard(() => this.recommendations || this.#fallBack()),
        Number(this.getAttribute("timeout") ?? PATIENCE),
      );
      void this.refresh();
    }

    #state(state: "loading" | "ready" | "fallback"): void {
      const section = this.#section;
      section.classList.toggle("loading", state === "loading");
      section.ariaBusy = String(state === "loading");
      this.dataset.state = state;
      (this.#root.querySelector("ul") as HTMLElement).classList.toggle("none", state === "fallback");
      (this.#root.querySelector(".fallback") as HTMLElement).hidden = state !== "fallback";
      section.hidden = false;
      section.classList.remove("none");
    }

    #show(given: Recommendations, entries: readonly Entry[]): void {
      const first = this.dataset.state !== "ready";
      clearTimeout(this.#patience);
      this.recommendations = given;
      const changed = this.#list?.show(entries);
      this.#state("ready");
      for (const card of this.#root.querySelectorAll("[data-swerve-item]")) client.impressions.watch(card);
      if (!changed) return;
      if (!first) this.#say(this.getAttribute("updated") ?? "Recommendations updated");
      this.dispatchEvent(new CustomEvent("swerve:update", { detail: given, bubbles: true, composed: true }));
    }

    /** What the page has put into the element; in the room that was reserved, so that nothing moves then or later. */
    #fallBack(): void {
      this.#state("fallback");
      const box = this.#root.querySelector(".fallback") as HTMLElement;
      const has = [...this.childNodes].some(
        (node) => !(node instanceof HTMLElement ? node.slot || node instanceof HTMLTemplateElement : !node.textContent?.trim()),
      );
      const section = this.#section;
      if (has) {
        // What is longer scrolls, by keyboard too.
        if (box.scrollHeight > box.clientHeight) box.tabIndex = 0;
      } else if (this.getBoundingClientRect().top > innerHeight) section.hidden = true;
      else section.classList.add("none");
    }

    /** Tells who does not see it. */
    #say(text: string): void {
      const status = this.#root.querySelector("[role=status]") as HTMLElement;
      status.textContent = text;
      setTimeout(() => {
        status.textContent = "";
      }, 3_000);
    }

    /** After an event: until the list answers it. */
    #follow(events: readonly SentEvent[]): void {
      const latest = Math.max(0, ...events.filter(changesHer).map((event) => event.event_time));
      if (!latest || !client.personal()) return;
      this.#looks.forEach(clearTimeout);
      const look = guard(() => {
        if ((this.recommendations?.event_time ?? 0) < latest && visible()) void this.refresh();
      });
      this.#looks = LOOKS.map((wait) => setTimeout(look, wait));
    }

    /** Arrows go from card to card. */
    #step(event: KeyboardEvent): void {
      const links = [...this.#root.querySelectorAll<HTMLElement>("li:not(.none) a,li:not(.none) button")];
      const at = links.indexOf(this.#root.activeElement as HTMLElement);
      const forward = getComputedStyle(this).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 }[event.key];
      if (to === undefined || at < 0) return;
      const target = links[event.key.startsWith("Arrow") && forward === "ArrowLeft" ? 2 * at - to : to];
      if (!target) return;
      event.preventDefault();
      target.focus();
    }
  }

  customElements.define(NAME, Element);
}
