/** How long a page is looked at, and how far down. Time counts while the page is visible. */

import { gathered, listen, visible } from "./guard";

const DEPTHS = [25, 50, 75, 100];
/** Less is a glance. */
const LEAST = 1_000;

export interface Attention {
  /** Milliseconds since it was last taken; 0, and nothing is taken, while they are few. */
  take(): number;
  /** Another page begins. */
  reset(): void;
}

export function createAttention(deeper: (percent: number) => void): Attention {
  let spent = 0;
  let since = 0;
  let looking = false;
  let reached = 0;

  /** Counts up to now. */
  const count = (): void => {
    const now = performance.now();
    if (looking) spent += now - since;
    since = now;
    looking = visible();
  };
  count();
  listen(document, "visibilitychange", count);

  listen(
    window,
    "scroll",
    gathered(200, () => {
      const { scrollHeight, clientHeight } = document.documentElement;
      // Half a pixel is missing at the end of some pages; what fits on the screen has no depth.
      const percent = scrollHeight > clientHeight ? ((scrollY + clientHeight + 1) / scrollHeight) * 100 : 0;
      const depth = Math.max(0, ...DEPTHS.filter((each) => percent >= each));
      if (depth > reached) {
        reached = depth;
        deeper(depth);
      }
    }),
  );

  return {
    take() {
      count();
      if (spent < LEAST) return 0;
      const taken = Math.round(spent);
      spent = 0;
      return taken;
    },
    reset() {
      count();
      spent = reached = 0;
    },
  };
}
