/** What she does to items that the page marks in its HTML: hover, click, add to the cart. */

import { CART, fieldsOf, ITEM, onTheWay } from "./attributes";
import { guard, listen } from "./guard";
import type { EventFields, EventName } from "./swerve";

const HOVER = 600;
const CONTROLS = "button,input,select,textarea,label,summary";

export function followItems(track: (name: EventName, fields: EventFields) => void, hovered: (fields: EventFields) => void): void {
  listen<MouseEvent>(document, "click auxclick", (event) => {
    // The second button opens a menu, the one in the middle a tab.
    if (event.button > 1) return;
    const item = onTheWay(event, ITEM);
    const cart = onTheWay(event, CART);
    if (cart) {
      if (event.button) return;
      track("add_to_cart", { ...(item && fieldsOf(item)), ...fieldsOf(cart, CART) });
    } else if (item && !controlIn(event, item)) {
      track("select_item", fieldsOf(item));
    }
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
    if (item)
      timer = setTimeout(
        guard(() => hovered(fieldsOf(item))),
        HOVER,
      );
  });
}

/** Whether she clicked something on the card that does something else than to open it. */
const controlIn = (event: Event, item: Element): boolean => {
  const path = event.composedPath();
  return path.slice(0, path.indexOf(item)).some((node) => node instanceof Element && node.matches(CONTROLS));
};
