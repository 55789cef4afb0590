/**
 * The list: as many places as were asked for, which stay where they are; cards, by item, move from place to place. So nothing around it
 * moves, a card that stays is not loaded anew, and what she has the focus on keeps it.
 */

import { type Cards, createCards, type Entry } from "./card";

const MILLISECONDS = 250;

export interface List {
  /** Empties it, with so many places. */
  reset(places: number, template: HTMLTemplateElement | undefined, language: string | undefined): void;
  /** Gives its cards; whether other items are shown than before. */
  show(entries: readonly Entry[]): boolean;
}

export function createList(list: HTMLElement): List {
  let cards: Cards;
  let shown = new Map<string, HTMLElement>();

  const place = (index: number): HTMLElement => list.children[index] as HTMLElement;
  const put = (index: number, card: HTMLElement | undefined): void => {
    const there = place(index);
    // A place without an item keeps its room.
    there.classList.toggle("none", !card);
    if (card) there.removeAttribute("aria-hidden");
    else there.setAttribute("aria-hidden", "true");
    if (card && card !== there.firstChild) there.replaceChildren(card);
    if (!card) there.replaceChildren(cards.blank());
  };

  return {
    reset(places, template, language) {
      cards = createCards(template, language);
      shown = new Map();
      list.replaceChildren(
        ...Array.from({ length: places }, () => {
          const item = document.createElement("li");
          item.part.add("item");
          item.ariaHidden = "true";
          item.append(cards.blank());
          return item;
        }),
      );
    },
    show(entries) {
      const before = [...shown.keys()];
      const stood = new Map([...shown.values()].map((card) => [card, card.getBoundingClientRect()]));
      const active = (list.getRootNode() as ShadowRoot).activeElement;
      const focused = [...shown.values()].findIndex((card) => card.contains(active));
      const next = new Map(entries.map(({ item }) => [item.item_id, shown.get(item.item_id) ?? cards.blank()]));
      for (const entry of entries) cards.fill(next.get(entry.item.item_id) as HTMLElement, entry);
      const inOrder = [...next.values()];
      shown = next;
      for (let index = 0; index < list.children.length; index++) put(index, inOrder[index]);
      // A card that was moved has lost the focus; if it has gone, the one in its place gets it.
      if (active && focused >= 0 && active !== (list.getRootNode() as ShadowRoot).activeElement) {
        const link = active.isConnected ? active : inOrder[Math.min(focused, inOrder.length - 1)];
        const target = link?.matches("a,button") ? link : link?.querySelector("a,button");
        (target as HTMLElement | null | undefined)?.focus({ preventScroll: true });
      }
      const changed = before.join("\n") !== [...next.keys()].join("\n");
      if (changed && before.length && !matchMedia("(prefers-reduced-motion: reduce)").matches)
        for (const card of inOrder) move(card, stood.get(card));
      return changed;
    },
  };
}

/** From where it stood to where it stands; a new one appears. */
const move = (card: HTMLElement, from: DOMRect | undefined): void => {
  const to = card.getBoundingClientRect();
  const [x, y] = from ? [from.left - to.left, from.top - to.top] : [0, 0];
  if (from && !x && !y) return;
  const frames = from ? { transform: [`translate(${x}px,${y}px)`, "none"] } : { opacity: [0, 1] };
  card.animate?.(frames, { duration: MILLISECONDS, easing: "ease-out" });
};
