import { expect, test } from "vitest";
import { productOf } from "../src/json-ld";

const page = (...blocks: unknown[]) => {
  const root = document.createElement("div");
  for (const block of blocks) {
    const script = document.createElement("script");
    script.type = "application/ld+json";
    script.textContent = typeof block === "string" ? block : JSON.stringify(block);
    root.append(script);
  }
  return root;
};
const PRAM = {
  "@type": "Product",
  sku: "i1",
  name: "Pram",
  brand: { "@type": "Brand", name: "Umbria" },
  category: "Prams",
  offers: [{ "@type": "Offer", price: "99.50", priceCurrency: "EUR" }],
};
const ITEM = { item_id: "i1", item_name: "Pram", item_brand: "Umbria", item_category: "Prams", price: 99.5, currency: "EUR" };

test.each([[PRAM], [[PRAM]], [{ "@graph": [{ "@type": "WebPage" }, PRAM] }], [{ ...PRAM, "@type": ["Product", "Thing"] }]])(
  "the product of a page: %#",
  (block) => {
    expect(productOf(page({ "@type": "BreadcrumbList" }, block))).toEqual(ITEM);
  },
);

test("little is enough", () => {
  expect(productOf(page({ "@type": "Product", productID: 7, offers: { price: 3 } }))).toEqual({ item_id: "7", price: 3 });
});

test("of several, and of one without an id, none", () => {
  expect(productOf(page(PRAM, { ...PRAM, sku: "i2" }))).toBeUndefined();
  expect(productOf(page({ ...PRAM, sku: undefined }))).toBeUndefined();
  expect(productOf(page())).toBeUndefined();
});

test("what is no JSON is passed over", () => {
  expect(productOf(page("{oops", PRAM))).toEqual(ITEM);
});
