/** A recommended item was seen: at least half of it, for a second, in a tab that is looked at; once for each recommendation. */

import { fieldsOf } from "./attributes";
import { guard, later, visible } from "./guard";
import type { EventFields } from "./swerve";

const SHARE = 0.5;
const LONG_ENOUGH = 1_000;

export interface Impressions {
  /** Watches an element with the attributes of a recommended item; called again, it looks whether it shows another. */
  watch(element: Element): void;
}

export function createImpressions(seen: (fields: EventFields) => void): Impressions {
  const done = new Set<string>();
  const watched = new WeakMap<Element, string>();
  const timers = new Map<Element, ReturnType<typeof setTimeout>>();
  const keyOf = ({ recommendation_id, item_id }: EventFields): string =>
    recommendation_id && item_id ? `${recommendation_id} ${item_id}` : "";

  const observer = new IntersectionObserver(
    guard((entries: IntersectionObserverEntry[]) => {
      for (const { target, isIntersecting, intersectionRatio } of entries) {
        clearTimeout(timers.get(target));
        timers.delete(target);
        if (isIntersecting && intersectionRatio >= SHARE) timers.set(target, later(LONG_ENOUGH, count, target));
      }
    }),
    { threshold: SHARE },
  );
  // An observer tells of an element when it begins to watch it.
  const observe = (element: Element): void => {
    observer.unobserve(element);
    observer.observe(element);
  };
  const count = (element: Element): void => {
    timers.delete(element);
    const fields = fieldsOf(element);
    const key = keyOf(fields);
    // She has gone to another tab: looked at again when she comes back.
    if (!visible()) observe(element);
    else if (key && !done.has(key)) {
      done.add(key);
      seen(fields);
    }
  };
  return {
    watch(element) {
      const key = keyOf(fieldsOf(element));
      if (!key || watched.get(element) === key) return;
      watched.set(element, key);
      observe(element);
    },
  };
}
