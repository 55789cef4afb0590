/**
 * Who she is to the collector: the shop's id for her, else a random one; and her visit, which ends after half an hour of nothing.
 * Only to be asked once she has agreed, since it stores.
 */

import { newId } from "./ids";
import type { Store } from "./store";
import type { Identity } from "./swerve";

const VISIT = 30 * 60_000;

export interface IdentityKeeper {
  /** Her ids; `active` if she does something, which makes her visit last. */
  current(now: number, active: boolean): Identity;
  user(): string;
  /** Who shares the device does not go on as her. */
  forget(): void;
}

export function createIdentity(store: Store, known: () => string | undefined): IdentityKeeper {
  const user = (): string => {
    const mine = known();
    if (mine) return mine;
    const id = store.get("user") ?? newId();
    store.set("user", id);
    return id;
  };
  return {
    current(now, active) {
      const [id, last] = (store.get("visit") ?? "").split(" ");
      const goesOn = id && now - Number(last) < VISIT;
      const session_id = goesOn ? id : newId();
      if (active || !goesOn) store.set("visit", `${session_id} ${now}`);
      return { user_id: user(), session_id };
    },
    user,
    forget() {
      for (const key of ["user", "visit", "segment"]) store.remove(key);
    },
  };
}
