/** Notices that an app without page loads has gone to another page. */

import { guard, listen } from "./guard";

/** What makes another page: the hash only where an app routes by it. */
const address = (): string => location.pathname + location.search + (/^#!?\//.test(location.hash) ? location.hash : "");

export function followNavigation(moved: () => void): void {
  let last = address();
  const look = guard(() => {
    const now = address();
    if (now === last) return;
    last = now;
    moved();
  });
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) {
    listen(navigation, "currententrychange", look);
    return;
  }
  listen(window, "popstate hashchange", look);
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args);
      look();
    };
  }
}
