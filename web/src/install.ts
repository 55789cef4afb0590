/** Makes the page's `swerve`, once, and does what was asked of it before it came. */

import { createClient } from "./client";
import { defineElement } from "./element";
import type { Call, Options, Swerve } from "./swerve";

/** What stands in its place until it has come: `window.swerve = { q: [["viewItem", {…}]] }`. */
interface Stub {
  q?: Iterable<Call>;
}

export function install(options: Options, start: boolean): Swerve {
  const there = window.swerve;
  if (there?.version) return there;
  const client = createClient(options);
  const { swerve } = client;
  window.swerve = swerve;
  if (start) swerve.init();
  // After what the script's tag says: the page calls on purpose.
  swerve.q.push(...((there as Stub | undefined)?.q ?? []));
  defineElement(client);
  return swerve;
}
