/** After each test the page goes: its listeners, timers, stubs and what it stored. */

import { afterEach, beforeEach, vi } from "vitest";

const added: [EventTarget, Parameters<EventTarget["addEventListener"]>][] = [];
for (const target of [window, document]) {
  const add = target.addEventListener.bind(target) as EventTarget["addEventListener"];
  target.addEventListener = ((...args: Parameters<EventTarget["addEventListener"]>) => {
    added.push([target, args]);
    add(...args);
  }) as typeof target.addEventListener;
}

const watchers: MutationObserver[] = [];
window.MutationObserver = class extends MutationObserver {
  constructor(heard: MutationCallback) {
    super(heard);
    watchers.push(this);
  }
};
const { pushState, replaceState } = history;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  localStorage.clear();
});

afterEach(() => {
  for (const [target, [name, heard, options]] of added.splice(0)) target.removeEventListener(name, heard, options);
  for (const watcher of watchers.splice(0)) watcher.disconnect();
  Object.assign(history, { pushState, replaceState });
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
