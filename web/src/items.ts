/** What she does to items that the page marks in its HTML: hover, click, add to the cart; and its search form. */

import { CART, fieldsOf, ITEM, onTheWay, SEARCH } from "./attributes";
import { later, listen } from "./guard";
import type { EventFields, EventName } from "./swerve";

const HOVER = 600;
const CONTROLS = "button,input,select,textarea,label,summary";

export interface ItemListener {
  track(name: EventName, fields: EventFields): void;
  hovered(fields: EventFields): void;
  searched(term: string): void;
}

export function followItems({ track, hovered, searched }: ItemListener): void {
  listen<MouseEvent>(document, "click auxclick", (event) => {
    const item = onTheWay(event, ITEM);
    const cart = onTheWay(event, CART);
    // The second button opens a menu; the one in the middle a tab, but it presses nothing.
    if (cart && !event.button) track("add_to_cart", { ...(item && fieldsOf(item)), ...fieldsOf(cart, CART) });
    else if (item && event.button < 2 && !controlIn(event, item)) track("select_item", fieldsOf(item));
  });

  listen(document, "submit", (event) => {
    const form = onTheWay(event, SEARCH);
    const term = form instanceof HTMLFormElement && [...new FormData(form).values()].find((value) => typeof value === "string" && value);
    if (term) searched(term as string);
  });

  let over: Element | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  listen<PointerEvent>(document, "pointerover pointerout", (event) => {
    if (event.pointerType !== "mouse") return;
    // Leaving a part of the card for another one is followed by entering that.
    const item = event.type === "pointerover" ? onTheWay(event, ITEM) : event.relatedTarget ? over : undefined;
    if (item === over) return;
    over = item;
    clearTimeout(timer);
    if (item) timer = later(HOVER, () => hovered(fieldsOf(item)));
  });
}

/** Whether she clicked something on the card that does something else than to open it. */
const controlIn = (event: Event, item: Element): boolean => {
  const path = event.composedPath();
  return path.slice(0, path.indexOf(item)).some((node) => node instanceof Element && node.matches(CONTROLS));
};
