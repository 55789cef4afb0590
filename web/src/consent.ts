/** What she agreed to: the latest word counts, whoever it comes from; a default only until there is one. */

import { guard } from "./guard";
import type { Choice, Consent } from "./swerve";

const NAMES = ["analytics_storage", "personalization_storage"] as const;
type Name = (typeof NAMES)[number];

export interface ConsentKeeper {
  /** A statement of hers; of the page's own making if the page called us. */
  say(choices: Consent, page?: boolean): void;
  /** A default, which is no statement. */
  assume(choices: Consent): void;
  granted(name?: Name): boolean;
  /** Whether she was asked, and agreed to nothing. */
  refused(): boolean;
  all(): Required<Consent>;
}

export function createConsent(changed: () => void): ConsentKeeper {
  const said: Consent = {};
  const assumed: Consent = {};
  const choice = (name: Name): Choice => said[name] ?? assumed[name] ?? "denied";
  const granted = (name?: Name): boolean => (name ? choice(name) === "granted" : NAMES.some((each) => choice(each) === "granted"));
  const all = (): Required<Consent> => ({ analytics_storage: choice(NAMES[0]), personalization_storage: choice(NAMES[1]) });
  const take = (into: Consent, choices: Consent, page: boolean): void => {
    const before = JSON.stringify([all(), refused()]);
    for (const name of NAMES) {
      let value = choices[name];
      // A browser that says no for her is overruled only by the page, which has asked her.
      if (!page && name === NAMES[1] && objects()) value &&= "denied";
      // Of several defaults, for regions of which we do not know whether she is there, a denial stays.
      if (value && !(into === assumed && assumed[name] === "denied")) into[name] = value === "granted" ? value : "denied";
    }
    if (JSON.stringify([all(), refused()]) !== before) changed();
  };
  const refused = (): boolean => Object.keys(said).length > 0 && !granted();
  return {
    say: (choices, page = false) => take(said, choices, page),
    assume: (choices) => take(assumed, choices, false),
    granted,
    refused,
    all,
  };
}

/** Global Privacy Control, and its forerunner. */
const objects = (): boolean => {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean; doNotTrack?: string };
  return globalPrivacyControl === true || doNotTrack === "1";
};

type Defaults = Consent & { region?: unknown; wait_for_update?: number };

/** Follows `gtag("consent", …)`: what was said before we came, and what will be. */
export function followConsentMode(consent: ConsentKeeper): void {
  const page = window as unknown as { dataLayer?: unknown[] };
  page.dataLayer ??= [];
  const layer = page.dataLayer;
  const read = guard((entry: ArrayLike<unknown> | undefined): void => {
    if (entry?.[0] !== "consent") return;
    const choices = entry[2] as Defaults;
    if (entry[1] === "update") consent.say(choices);
    else if (entry[1] === "default") {
      const grants = NAMES.filter((name) => choices[name] === "granted");
      const others = { ...choices };
      for (const name of grants) delete others[name];
      consent.assume(others);
      // What is granted in one region is not granted everywhere; and a banner that is loading is waited for.
      if (grants.length && !choices.region) setTimeout(() => consent.assume(choices), choices.wait_for_update ?? 0);
    }
  });
  for (const entry of layer) read(entry as ArrayLike<unknown>);
  const push = layer.push;
  layer.push = (...entries) => {
    for (const entry of entries) read(entry as ArrayLike<unknown>);
    return push.apply(layer, entries);
  };
}

interface TcData {
  eventStatus?: string;
  gdprApplies?: boolean;
  purpose?: { consents?: Record<number, boolean | undefined> };
}
type TcfApi = (command: string, version: number, heard: (data: TcData, ok: boolean) => void) => void;

/** Follows IAB TCF v2: purpose 1 for both, 8 and 9 for statistics, 5 and 6 to personalise. */
export function followTcf(consent: ConsentKeeper): boolean {
  const api = (window as unknown as { __tcfapi?: TcfApi }).__tcfapi;
  if (typeof api !== "function") return false;
  api(
    "addEventListener",
    2,
    guard((data, ok) => {
      // Where the GDPR does not apply, TCF says nothing about her.
      if (!ok || data.gdprApplies === false || !/^(tcloaded|useractioncomplete)$/.test(data.eventStatus ?? "")) return;
      const consents = data.purpose?.consents ?? {};
      const choice = (...purposes: number[]): Choice => (purposes.every((purpose) => consents[purpose]) ? "granted" : "denied");
      consent.say({ analytics_storage: choice(1, 8, 9), personalization_storage: choice(1, 5, 6) });
    }),
  );
  return true;
}
