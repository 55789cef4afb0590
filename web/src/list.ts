/**
 * The list: as many places as were asked for, which stay where they are; cards, by item, move from place to place. So nothing around it
 * moves, a card that stays is not loaded anew, and what she has the focus on keeps it.
 */

import { blankCard, type Entry, fillCard } from "./card";
import { make } from "./dom";

const MILLISECONDS = 250;

export interface List {
  /** Empties it, with so many places. */
  reset(places: number, template: HTMLTemplateElement | null, language: string | undefined): void;
  /** Shows these, and gives whether they are others than before. */
  show(entries: readonly Entry[]): boolean;
  cards(): Iterable<HTMLElement>;
}

export function createList(list: HTMLElement): List {
  let shown = new Map<string, HTMLElement>();
  let template: HTMLTemplateElement | null;
  let language: string | undefined;
  const focused = (): Element | null => (list.getRootNode() as ShadowRoot).activeElement;

  /** A place without an item keeps its room. */
  const put = (place: Element, card: HTMLElement | undefined): void => {
    place.classList.toggle("none", !card);
    if (card) place.removeAttribute("aria-hidden");
    else place.setAttribute("aria-hidden", "true");
    if (card?.parentNode !== place) place.replaceChildren(card ?? blankCard(template));
  };

  return {
    reset(places, own, lang) {
      template = own;
      language = lang;
      shown = new Map();
      const place = (): HTMLElement => make("li", { part: "item", "aria-hidden": "true" }, blankCard(template));
      list.replaceChildren(...Array.from({ length: places }, place));
    },

    show(entries) {
      const before = shown;
      const stood = [...before.values()].map((card) => [card, card.getBoundingClientRect()] as const);
      const active = focused();
      const at = stood.findIndex(([card]) => card.contains(active));
      shown = new Map(entries.map(({ item: { item_id } }) => [item_id, before.get(item_id) ?? blankCard(template)]));
      const cards = [...shown.values()];
      for (const [index, entry] of entries.entries()) fillCard(cards[index] as HTMLElement, entry, language);
      Array.from(list.children, (place, index) => put(place, cards[index]));

      // A card that was moved has lost the focus; if it has gone, the one in its place gets it.
      if (at >= 0 && active !== focused()) {
        const card = active?.isConnected ? active : cards[Math.min(at, cards.length - 1)];
        const link = card?.matches("a,button") ? card : card?.querySelector("a,button");
        (link as HTMLElement | undefined)?.focus({ preventScroll: true });
      }
      const changed = [...before.keys()].join("\n") !== [...shown.keys()].join("\n");
      if (changed && before.size && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
        const from = new Map(stood);
        for (const card of cards) move(card, from.get(card));
      }
      return changed;
    },

    cards: () => shown.values(),
  };
}

/** From where it stood to where it stands; a new one appears. */
const move = (card: HTMLElement, from: DOMRect | undefined): void => {
  const to = card.getBoundingClientRect();
  const [x, y] = from ? [from.left - to.left, from.top - to.top] : [0, 0];
  if (from && !x && !y) return;
  const frames = from ? { transform: [`translate(${x}px,${y}px)`, "none"] } : { opacity: [0, 1] };
  card.animate(frames, { duration: MILLISECONDS, easing: "ease-out" });
};
