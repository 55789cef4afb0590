/** One card: a copy of a template whose elements with `data-field` get what the shop tells about the item. */

import { ITEM, POSITION, RECOMMENDATION } from "./attributes";
import { make } from "./dom";
import type { Details, RecommendedItem } from "./swerve";

export interface Entry {
  item: RecommendedItem;
  details: Details;
  position: number;
  recommendation: string;
}

/** A card without an item: what stands there until there is one. */
export function blankCard(own: HTMLTemplateElement | null): HTMLElement {
  const part = (name: string, ...children: Node[]): HTMLElement => make("span", { part: name, class: name }, ...children);
  const field = (element: HTMLElement): HTMLElement => {
    element.dataset.field = element.className;
    return element;
  };
  if (own) return make("div", { part: "card", class: "blank" }, document.importNode(own.content, true));
  const image = make("img", { "data-field": "image", alt: "", loading: "lazy", decoding: "async" });
  const content = [part("image", image), field(part("title")), field(part("price"))];
  // The whole of it is a link.
  return make("a", { part: "card", class: "blank", "data-field": "url" }, ...content);
}

export function fillCard(card: HTMLElement, { item, details, position, recommendation }: Entry, language: string | undefined): void {
  card.classList.remove("blank");
  card.setAttribute(ITEM, item.item_id);
  card.setAttribute(RECOMMENDATION, recommendation);
  card.setAttribute(POSITION, String(position));
  const values: Record<string, unknown> = { ...item, ...details, price: money(details, language) };
  for (const element of [card, ...card.querySelectorAll<HTMLElement>("[data-field]")]) {
    const name = element.dataset.field;
    if (name) bind(element, String(values[name] ?? ""));
  }
}

const bind = (element: HTMLElement, text: string): void => {
  const name = element instanceof HTMLAnchorElement ? "href" : element instanceof HTMLImageElement ? "src" : undefined;
  if (!name) element.textContent = text;
  else if (!isSafe(text, name === "src")) element.removeAttribute(name);
  // An image that is set anew is loaded anew.
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text);
};

/** An address of the web, which runs nothing here; or a picture that is its own data. */
const isSafe = (text: string, picture: boolean): boolean => {
  try {
    return text !== "" && (picture ? /^(https?|data|blob):$/ : /^https?:$/).test(new URL(text, document.baseURI).protocol);
  } catch {
    return false;
  }
};

const money = ({ price, currency }: Details, language: string | undefined): string | undefined => {
  if (typeof price !== "number") return price;
  try {
    return new Intl.NumberFormat(language, currency ? { style: "currency", currency } : { minimumFractionDigits: 2 }).format(price);
  } catch {
    return `${price} ${currency}`;
  }
};
