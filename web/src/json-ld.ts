/** The one product that a page describes as JSON-LD, for shops that mark their pages for search engines already. */

import { defined } from "./attributes";
import { guard } from "./guard";
import type { Item } from "./swerve";

type Thing = Record<string, unknown>;

const things = (value: unknown): Thing[] =>
  Array.isArray(value)
    ? value.flatMap(things)
    : value && typeof value === "object"
      ? [value as Thing, ...things((value as Thing)["@graph"])]
      : [];
const text = (value: unknown): string | undefined => {
  if (typeof value === "string" || typeof value === "number") return String(value);
  return value && typeof value === "object" ? text((value as Thing).name) : undefined;
};

export function productOf(page: ParentNode): Item | undefined {
  const read = guard((script: Element) => things(JSON.parse(script.textContent ?? "")));
  const products = [...page.querySelectorAll('script[type="application/ld+json"]')]
    .flatMap((script) => read(script) ?? [])
    .filter((thing) => [thing["@type"]].flat().includes("Product"));
  const [product] = products;
  const id = text(product?.sku) ?? text(product?.productID);
  // Of several products, none is the one that the page is about.
  if (!product || !id || products.length > 1) return undefined;
  const [offer] = things(product.offers);
  const price = Number.parseFloat(text(offer?.price) ?? "");
  return defined({
    item_id: id,
    item_name: text(product.name),
    item_brand: text(product.brand),
    item_category: text(product.category),
    price: price >= 0 ? price : undefined,
    currency: text(offer?.priceCurrency),
  });
}
