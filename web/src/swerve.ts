/**
 * Swerve for a shop's pages: sends what a shopper does, shows what is recommended to her.
 *
 * Nothing is sent and nothing is stored before she has agreed.
 */

/** As in Google's consent mode. */
export type Choice = "granted" | "denied";

/** What she agreed to. What is not named stays as it was; what was never named is denied. */
export interface Consent {
  /** Her events may be used for statistics. */
  analytics_storage?: Choice | undefined;
  /** Her events may be used to personalise, and her own recommendations be shown. */
  personalization_storage?: Choice | undefined;
}

/** Names as in GA4 e-commerce. */
export type EventName =
  | "other"
  | "page_view"
  | "view_item_list"
  | "select_item"
  | "view_item"
  | "search"
  | "add_to_wishlist"
  | "add_to_cart"
  | "remove_from_cart"
  | "view_cart"
  | "begin_checkout"
  | "add_shipping_info"
  | "add_payment_info"
  | "purchase"
  | "refund"
  | "view_promotion"
  | "select_promotion";

/** An item as an event tells of it; only its id is needed where the shop's catalogue is known. */
export interface Item {
  item_id: string;
  item_name?: string | undefined;
  item_category?: string | undefined;
  item_category2?: string | undefined;
  item_category3?: string | undefined;
  item_brand?: string | undefined;
  /** Of one piece. */
  price?: number | undefined;
  /** ISO 4217. */
  currency?: string | undefined;
  quantity?: number | undefined;
}

/** What an event says; the names are those of the event schema. */
export interface EventFields extends Omit<Item, "item_id"> {
  item_id?: string | undefined;
  transaction_id?: string | undefined;
  search_term?: string | undefined;
  engagement_ms?: number | undefined;
  referrer?: string | undefined;
  country?: string | undefined;
  /** The recommendation that it came from, and the item's place in it, from 0. */
  recommendation_id?: string | undefined;
  recommendation_position?: number | undefined;
}

/** An event on its way. */
export interface SentEvent extends EventFields {
  event_id: string;
  event_name: EventName;
  /** Milliseconds since 1970. */
  event_time: number;
  user_id?: string;
  session_id?: string;
}

export interface Order {
  transaction_id: string;
  currency?: string | undefined;
  items: readonly Item[];
}

/** What a card shows of an item. Further members are for a template of your own. */
export interface Details {
  item_id: string;
  title: string;
  url: string;
  image?: string | undefined;
  /** A number is written as money in the page's language; a text stays as it is. */
  price?: number | string | undefined;
  currency?: string | undefined;
  [more: string]: unknown;
}

export interface RecommendedItem {
  item_id: string;
  score: number;
  reason: string;
}

export interface Recommendations {
  recommendation_id: string;
  user_id?: string;
  surface: string;
  event_time: number;
  generated_at: number;
  segment: { id: number; name: string };
  model: { name: string; version: string };
  /** Best first. */
  items: RecommendedItem[];
}

/** Something she has just done, for recommendations that answer it at once. */
export interface Action {
  event_name: EventName;
  item_id: string;
  event_time?: number;
}

export interface Options {
  /** Origin of the collector and the API, such as https://swerve.shop.example; default: where the script came from. */
  endpoint?: string | undefined;
  writeKey?: string | undefined;
  /** Her id where the shop knows her; else she gets a random one, once she has agreed. */
  user?: string | undefined;
  /** Gives the signed token for a user, made by the shop's back end. Asked again before it expires. */
  token?: ((user: string) => string | Promise<string>) | undefined;
  /** What she agreed to, where the page knows it already. */
  consent?: Consent | undefined;
  /** Gives what cards show of items; items that it leaves out are not shown. */
  items?: ((ids: string[]) => readonly Details[] | Promise<readonly Details[]>) | undefined;
  /** Instead of `items`: an address that gives them as JSON; `{ids}` becomes the ids, with commas. */
  itemsUrl?: string | undefined;
  /** Whether pages, dwell, scroll depth, hover and clicks are noticed without a call. Default: yes. */
  automatic?: boolean | undefined;
  /** Whether a product that the page describes as JSON-LD counts as a view of the item with its `sku`. Default: no. */
  jsonLd?: boolean | undefined;
  /** Says on the console what was dropped, and why. */
  debug?: boolean | undefined;
}

export interface Identity {
  user_id: string;
  session_id: string;
}

export interface Swerve {
  readonly version: string;
  /** Starts it; called again, it changes the options that are named. */
  init(options?: Options): void;
  /** Says what she agreed to, or no longer does: then what was stored is deleted. */
  consent(choices: Consent): void;
  /** Says who she is after she logged in; without a user, that she logged out. */
  identify(user?: string): void;
  /** Sends an event. */
  track(name: EventName, fields?: EventFields): void;
  /** She looks at an item's page. The same item counts once for a page. */
  viewItem(item: Item): void;
  addToCart(item: Item): void;
  /** She bought: one event for each item. */
  purchase(order: Order): void;
  search(term: string): void;
  /** Says that the page is another one, where that does not show in its address. */
  page(): void;
  /** Gives what is recommended to her, or to everybody while she has not agreed; nothing where the API does not answer. With `actions`, it answers them at once. */
  recommendations(request?: { surface?: string; n?: number; actions?: readonly Action[] }): Promise<Recommendations | undefined>;
  /** Who she is to the collector, once she has agreed. */
  identity(): Identity | undefined;
  /** Sends what waits. */
  flush(): Promise<void>;
  /** Takes calls as `["viewItem", {…}]`; what was put here before the script came is done then. */
  q: { push(...calls: Call[]): void };
}

/** A method's name, and its arguments. */
export type Call = readonly [Exclude<keyof Swerve, "q" | "version">, ...unknown[]];

/** `<swerve-recommendations>`. */
export interface SwerveRecommendationsElement extends HTMLElement {
  /** Asks anew. */
  refresh(): Promise<void>;
  /** What is shown. */
  readonly recommendations: Recommendations | undefined;
}

declare global {
  interface Window {
    swerve?: Swerve;
  }
  interface HTMLElementTagNameMap {
    "swerve-recommendations": SwerveRecommendationsElement;
  }
  interface DocumentEventMap {
    /** An event was made; whether it is sent depends on what she agrees to. */
    "swerve:track": CustomEvent<SentEvent>;
    /** Events were acknowledged. */
    "swerve:sent": CustomEvent<readonly SentEvent[]>;
    /** What she agreed to has changed. */
    "swerve:consent": CustomEvent<Required<Consent>>;
  }
  interface HTMLElementEventMap {
    /** The list that is shown has changed. */
    "swerve:update": CustomEvent<Recommendations>;
  }
}

export declare const swerve: Swerve;
export default swerve;
