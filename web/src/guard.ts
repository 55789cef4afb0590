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
      return work(...args);
    } catch (error) {
      warn(error);
      return undefined;
    }
  };

/** Listens to events, by names with spaces between, before the page's own listeners can stop them. */
export const listen = <E extends Event>(target: EventTarget, names: string, heard: (event: E) => void): void => {
  for (const name of names.split(" ")) target.addEventListener(name, guard(heard) as EventListener, { capture: true, passive: true });
};

/** Tells the page, by an event on the document that begins with `swerve:`. */
export const tell = (name: string, detail?: unknown): void => {
  document.dispatchEvent(new CustomEvent(`swerve:${name}`, { detail }));
};

export const visible = (): boolean => document.visibilityState !== "hidden";
