// Events, reasons and articles in words.
const DOING = {
  page_view: "came to a page", view_item: "looked at", view_item_list: "saw", select_item: "clicked on", search: "searched for", add_to_wishlist: "noted", add_to_cart: "put into the cart",
  remove_from_cart: "took out of the cart", view_cart: "looked at the cart", begin_checkout: "went to the till", purchase: "bought", refund: "sent back", other: "stayed with",
  view_promotion: "saw an offer", select_promotion: "took up an offer", add_shipping_info: "said where to", add_payment_info: "said how to pay",
};
const REASONS = {
  interest: "what she likes", segment: "what others like her buy", trending: "wanted by many now", new: "just in", popular: "liked by all", seen: "she looked at it",
  sequence: "what usually comes next", session: "from visits like this one",
};

/** What she did, in a few words. */
export function doing(event, items) {
  const words = DOING[event.event_name] ?? event.event_name;
  if (event.event_name === "search") return `${words} “${event.search_term ?? ""}”`;
  if (event.event_name === "other" && !event.item_id) return "stayed on the page";
  return event.item_id ? `${words} ${event.item_name ?? nameOf(event.item_id, items)}` : words;
}

/** Why an article is in the list. */
export function reasonOf(reason, items) {
  const [kind, item] = reason.split(":");
  if (kind === "similar" && item) return `goes with ${nameOf(item, items)}`;
  return REASONS[kind] ?? kind;
}

/** What an article is called. */
export const nameOf = (id, items) => items.get(id)?.title ?? id;

/** The time of day. */
export const timeOf = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
