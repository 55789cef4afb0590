/** One card: a copy of a template whose elements with `data-field` get what the shop tells about the item. */

import { ITEM, POSITION, RECOMMENDATION } from "./attributes";
import type { Details, RecommendedItem } from "./swerve";

/** The element's own card; its link is the whole of it. */
const OWN =
  '<a part="card" data-field="url"><span part="image" class="image"><img data-field="image" alt="" loading="lazy" decoding="async"></span>' +
  '<span part="title" class="title" data-field="title"></span><span part="price" class="price" data-field="price"></span></a>';

export interface Entry {
  item: RecommendedItem;
  details: Details;
  position: number;
  recommendation: string;
}

export interface Cards {
  /** A card without an item: what stands there until there is one. */
  blank(): HTMLElement;
  fill(card: HTMLElement, entry: Entry): void;
}

export function createCards(own: HTMLTemplateElement | undefined, language: string | undefined): Cards {
  const template = document.createElement("template");
  template.innerHTML = own ? '<div part="card"></div>' : OWN;
  if (own) template.content.firstElementChild?.append(own.content.cloneNode(true));
  return {
    blank() {
      const card = document.importNode(template.content, true).firstElementChild as HTMLElement;
      card.classList.add("blank");
      return card;
    },
    fill(card, { item, details, position, recommendation }) {
      card.classList.remove("blank");
      card.setAttribute(ITEM, item.item_id);
      card.setAttribute(RECOMMENDATION, recommendation);
      card.setAttribute(POSITION, String(position));
      const values: Record<string, unknown> = { ...item, ...details, price: money(details, language) };
      for (const element of [card, ...card.querySelectorAll<HTMLElement>("[data-field]")]) {
        const name = element.dataset.field;
        if (name) bind(element, values[name]);
      }
    },
  };
}

const bind = (element: Element, value: unknown): void => {
  const text = value === undefined || value === null ? "" : String(value);
  if (element instanceof HTMLAnchorElement) set(element, "href", webAddress(text));
  else if (element instanceof HTMLImageElement) set(element, "src", webAddress(text));
  else if (element.textContent !== text) element.textContent = text;
};

/** Only what has changed: an image that is set anew is loaded anew. */
const set = (element: Element, name: string, value: string | undefined): void => {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

/** Nothing that runs: an address of the web, or a picture that is its own data. */
const webAddress = (text: string): string | undefined => {
  if (!text) return undefined;
  try {
    return /^(https?:$|data:$|blob:$)/.test(new URL(text, document.baseURI).protocol) ? text : undefined;
  } catch {
    return undefined;
  }
};

const money = ({ price, currency }: Details, language: string | undefined): string | undefined => {
  if (typeof price !== "number") return price;
  try {
    return new Intl.NumberFormat(language, currency ? { style: "currency", currency } : { minimumFractionDigits: 2 }).format(price);
  } catch {
    return [price, currency].join(" ");
  }
};
