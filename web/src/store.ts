/** What is kept on her device: text by key, all of it below one prefix. Only used once she has agreed. */

const PREFIX = "swerve:";

export interface Store {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  remove(key: string): void;
  /** Keys that begin so, sorted. */
  keys(beginning: string): string[];
  clear(): void;
}

export function createStore(): Store {
  // What the browser does not keep (no room, forbidden) lives as long as the page.
  const memory = new Map<string, string>();
  const area = (): Storage | undefined => {
    try {
      return localStorage;
    } catch {
      return undefined;
    }
  };
  const keys = (beginning: string): string[] =>
    [
      ...new Set([
        ...Object.keys(area() ?? {})
          .filter((key) => key.startsWith(PREFIX))
          .map((key) => key.slice(PREFIX.length)),
        ...memory.keys(),
      ]),
    ]
      .filter((key) => key.startsWith(beginning))
      .sort();
  const remove = (key: string): void => {
    memory.delete(key);
    area()?.removeItem(PREFIX + key);
  };
  return {
    get: (key) => memory.get(key) ?? area()?.getItem(PREFIX + key) ?? undefined,
    set(key, value) {
      try {
        localStorage.setItem(PREFIX + key, value);
        memory.delete(key);
      } catch {
        memory.set(key, value);
      }
    },
    remove,
    keys,
    clear: () => keys("").forEach(remove),
  };
}
