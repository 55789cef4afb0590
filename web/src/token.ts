/** Her signed token: kept until shortly before it expires. */

import { warn } from "./guard";

const EARLY = 30_000;

export type TokenSource = (user: string) => string | Promise<string>;

export interface Tokens {
  get(user: string): Promise<string | undefined>;
  /** It was refused: the next `get` asks for another. Without a token, whichever there is. */
  refuse(given?: string): void;
}

export function createTokens(source: () => TokenSource | undefined): Tokens {
  let whose: string | undefined;
  let token: Promise<string> | undefined;
  let until = 0;
  let known: string | undefined;
  return {
    async get(user) {
      const ask = source();
      if (!ask) return undefined;
      if (!token || whose !== user || Date.now() > until - EARLY) {
        whose = user;
        known = undefined;
        until = Number.POSITIVE_INFINITY;
        const asked = (async () => ask(user))();
        token = asked;
        asked.then(
          (given) => {
            if (token !== asked) return;
            known = given;
            until = expiry(given);
          },
          (error) => {
            warn("no token", error);
            if (token === asked) token = undefined;
          },
        );
      }
      return token.catch(() => undefined);
    },
    refuse(given) {
      // Of two requests that were refused with the same one, the later must not drop what the other has got since.
      if (!given || given === known) token = undefined;
    },
  };
}

/** When it expires, in milliseconds since 1970; one that does not say: never. */
export function expiry(token: string): number {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"))) as { exp?: number };
    return (claims.exp ?? Number.POSITIVE_INFINITY) * 1000;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
