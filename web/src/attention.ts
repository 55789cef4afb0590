/** How long a page is looked at, and how far down. Time counts while the page is visible. */

import { listen, visible } from "./guard";

const DEPTHS = [25, 50, 75, 100];

export interface Attention {
  /** Milliseconds since it was last taken. */
  take(): number;
  /** Another page begins. */
  reset(): void;
}

export function createAttention(deeper: (percent: number) => void): Attention {
  let spent = 0;
  let since = visible() ? performance.now() : undefined;
  let reached = 0;
  let waits = false;

  listen(document, "visibilitychange", () => {
    if (since !== undefined) spent += performance.now() - since;
    since = visible() ? performance.now() : undefined;
  });

  const measure = (): void => {
    waits = false;
    const { scrollHeight, clientHeight } = document.documentElement;
    // What fits on the screen has no depth.
    if (scrollHeight <= clientHeight) return;
    // Half a pixel is missing at the end of some pages.
    const percent = ((scrollY + clientHeight + 1) / scrollHeight) * 100;
    const depth = DEPTHS.findLast((each) => percent >= each) ?? 0;
    if (depth > reached) {
      reached = depth;
      deeper(depth);
    }
  };
  listen(window, "scroll", () => {
    if (!waits) setTimeout(measure, 200);
    waits = true;
  });

  const take = (): number => {
    const now = performance.now();
    const taken = spent + (since === undefined ? 0 : now - since);
    spent = 0;
    if (since !== undefined) since = now;
    return Math.round(taken);
  };
  return {
    take,
    reset() {
      take();
      reached = 0;
    },
  };
}
