/**
 * Who she is to the collector: the shop's id for her, else a random one; and her visit, which ends after half an hour of nothing.
 * Only to be asked once she has agreed, since it stores.
 */

import { newId } from "./ids";
import type { Store } from "./store";
import type { Identity } from "./swerve";

const VISIT = 30 * 60_000;

export interface IdentityKeeper {
  /** Of something that she does now. */
  current(now: number): Identity;
  user(): string;
}

export function createIdentity(store: Store, known: () => string | undefined): IdentityKeeper {
  const user = (): string => {
    const id = known() ?? store.get("user") ?? newId();
    if (!known()) store.set("user", id);
    return id;
  };
  return {
    current(now) {
      const [id, last] = (store.get("visit") ?? "").split(" ");
      const session_id = id && now - Number(last) < VISIT ? id : newId();
      store.set("visit", `${session_id} ${now}`);
      return { user_id: user(), session_id };
    },
    user,
  };
}
