/** A page never breaks by us: what we are called for is caught here, and told to those who ask for it. */

let loud = false;

export const debug = (on: boolean): void => {
  loud = on;
};

export const warn = (...what: unknown[]): void => {
  if (loud) console.warn("swerve:", ...what);
};

export const guard =
  <A extends unknown[], R>(work: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      const result = work(...args);
      if (result instanceof Promise) result.catch(warn);
      return result;
    } catch (error) {
      warn(error);
      return undefined;
    }
  };

/** Listens to events, by names with spaces between, before the page's own listeners can stop them. */
export const listen = <E extends Event>(target: EventTarget, names: string, heard: (event: E) => void, signal?: AbortSignal): void => {
  for (const name of names.split(" "))
    target.addEventListener(name, guard(heard) as EventListener, { capture: true, passive: true, ...(signal && { signal }) });
};

export const later = <A extends unknown[]>(wait: number, work: (...args: A) => void, ...args: A): ReturnType<typeof setTimeout> =>
  setTimeout(guard(work), wait, ...args);

/** Does it once, a while after the first call of several. */
export const gathered = (wait: number, work: () => void): (() => void) => {
  let waits = false;
  const done = (): void => {
    waits = false;
    work();
  };
  return () => {
    if (!waits) later(wait, done);
    waits = true;
  };
};

/** Tells the page, by an event on the document that begins with `swerve:`. */
export const tell = (name: string, detail?: unknown): void => {
  document.dispatchEvent(new CustomEvent(`swerve:${name}`, { detail }));
};

export const visible = (): boolean => document.visibilityState !== "hidden";
