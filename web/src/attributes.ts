/** What a page says of items in its HTML: `data-swerve-item="i1" data-swerve-price="9.90"`. */

import type { EventFields } from "./swerve";

export const ITEM = "data-swerve-item";
export const VIEW = "data-swerve-view-item";
export const CART = "data-swerve-add-to-cart";
export const SEARCH = "data-swerve-search";
export const RECOMMENDATION = "data-swerve-recommendation";
export const POSITION = "data-swerve-position";

const TEXTS = ["name", "category", "category2", "category3", "brand"] as const;
const NUMBERS = ["price", "quantity"] as const;

/** Fields of an element; `id` names the attribute that holds the item's id. */
export function fieldsOf(element: Element, id: string = ITEM): EventFields {
  const read = (name: string): string | undefined => element.getAttribute(name) || undefined;
  const number = (name: string): number | undefined => {
    const value = Number.parseFloat(read(name) ?? "");
    return value >= 0 ? value : undefined;
  };
  const fields: Record<string, string | number | undefined> = {
    item_id: read(id),
    currency: read("data-swerve-currency"),
    recommendation_id: read(RECOMMENDATION),
    recommendation_position: number(POSITION),
  };
  for (const name of TEXTS) fields[`item_${name}`] = read(`data-swerve-${name}`);
  for (const name of NUMBERS) fields[name] = number(`data-swerve-${name}`);
  return defined(fields);
}

/** Without the fields that are not there. */
export const defined = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as T;

/** The first element with an attribute on the way of an event, also inside of a shadow tree; up to `until`. */
export const onTheWay = (event: Event, attribute: string): Element | undefined =>
  event.composedPath().find((node): node is Element => node instanceof Element && node.hasAttribute(attribute));
