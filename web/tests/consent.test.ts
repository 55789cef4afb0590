import { beforeEach, describe, expect, test, vi } from "vitest";
import { type ConsentKeeper, createConsent, followConsentMode, followTcf } from "../src/consent";
import { DENIED, GRANTED } from "./helpers";

let changes = 0;
let consent: ConsentKeeper;
const page = window as unknown as { dataLayer?: unknown[]; __tcfapi?: unknown };
/** As Google's snippet does: the arguments object itself is pushed. */
function gtag(..._: unknown[]): void {
  // biome-ignore lint/complexity/noArguments: it is what the snippet pushes
  page.dataLayer?.push(arguments);
}

beforeEach(() => {
  changes = 0;
  consent = createConsent(() => changes++);
  page.dataLayer = [];
  delete page.__tcfapi;
});

test("nothing is agreed to before a word, and that is no refusal", () => {
  expect(consent.all()).toEqual(DENIED);
  expect(consent.granted()).toBe(false);
  expect(consent.refused()).toBe(false);
});

test("one of two is enough to be granted, and each is asked for itself", () => {
  consent.say({ analytics_storage: "granted" }, true);
  expect([consent.granted(), consent.granted("analytics_storage"), consent.granted("personalization_storage")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("the latest word counts, and telling it again changes nothing", () => {
  consent.say(GRANTED, true);
  consent.say(GRANTED, true);
  expect(changes).toBe(1);
  consent.say(DENIED);
  expect(consent.refused()).toBe(true);
  expect(changes).toBe(2);
});

test("what is no choice is a denial", () => {
  consent.say({ analytics_storage: "yes" as never }, true);
  expect(consent.granted()).toBe(false);
});

describe("consent mode", () => {
  test("what was pushed before, and what is pushed after", () => {
    gtag("consent", "default", DENIED);
    gtag("js", new Date());
    followConsentMode(consent);
    expect(consent.refused()).toBe(false);
    gtag("consent", "update", { analytics_storage: "granted" });
    expect(consent.all()).toEqual({ analytics_storage: "granted", personalization_storage: "denied" });
    expect(page.dataLayer).toHaveLength(3);
  });

  test("a default that grants waits for the banner", () => {
    gtag("consent", "default", { ...GRANTED, wait_for_update: 500 });
    followConsentMode(consent);
    vi.advanceTimersByTime(499);
    expect(consent.granted()).toBe(false);
    vi.advanceTimersByTime(1);
    expect(consent.granted()).toBe(true);
  });

  test("an update before that wins", () => {
    gtag("consent", "default", { ...GRANTED, wait_for_update: 500 });
    followConsentMode(consent);
    gtag("consent", "update", DENIED);
    vi.runAllTimers();
    expect(consent.refused()).toBe(true);
  });

  test("where a default denies a region, we do not know that she is elsewhere", () => {
    gtag("consent", "default", { ...DENIED, region: ["DE", "FR"] });
    gtag("consent", "default", GRANTED);
    gtag("consent", "default", { ...GRANTED, region: ["US"] });
    followConsentMode(consent);
    vi.runAllTimers();
    expect(consent.granted()).toBe(false);
  });

  test("a default that grants a region only grants nothing", () => {
    gtag("consent", "default", { ...GRANTED, region: ["US"] });
    followConsentMode(consent);
    vi.runAllTimers();
    expect(consent.granted()).toBe(false);
  });

  test("other things in the layer are left alone", () => {
    page.dataLayer?.push(undefined, { event: "x" }, null, "consent");
    followConsentMode(consent);
    page.dataLayer?.push(null, { ecommerce: {} });
    expect(changes).toBe(0);
  });

  test("a page without a layer gets one", () => {
    delete page.dataLayer;
    followConsentMode(consent);
    gtag("consent", "update", GRANTED);
    expect(consent.granted()).toBe(true);
  });
});

describe("TCF", () => {
  type Heard = (data: unknown, ok: boolean) => void;
  const cmp = (): Heard => {
    let heard: Heard = () => undefined;
    page.__tcfapi = (command: string, version: number, callback: Heard) => {
      expect([command, version]).toEqual(["addEventListener", 2]);
      heard = callback;
    };
    expect(followTcf(consent)).toBe(true);
    return heard;
  };
  const data = (purposes: number[], more = {}) => ({
    eventStatus: "useractioncomplete",
    gdprApplies: true,
    purpose: { consents: Object.fromEntries(purposes.map((purpose) => [purpose, true])) },
    ...more,
  });

  test("without it there is nothing to follow", () => {
    expect(followTcf(consent)).toBe(false);
  });

  test.each([
    [[1, 8, 9], "granted", "denied"],
    [[1, 5, 6], "denied", "granted"],
    [[1, 5, 6, 8, 9], "granted", "granted"],
    [[5, 6, 8, 9], "denied", "denied"],
    [[1, 2, 3, 4, 7], "denied", "denied"],
  ])("purposes %j", (purposes, analytics_storage, personalization_storage) => {
    cmp()(data(purposes), true);
    expect(consent.all()).toEqual({ analytics_storage, personalization_storage });
  });

  test("while the banner is open nothing is said", () => {
    const heard = cmp();
    heard(data([1, 5, 6, 8, 9], { eventStatus: "cmpuishown" }), true);
    expect(consent.granted()).toBe(false);
    heard(data([1, 5, 6, 8, 9], { eventStatus: "tcloaded" }), true);
    expect(consent.granted()).toBe(true);
    heard(data([]), true);
    expect(consent.refused()).toBe(true);
  });

  test("a failure, or a law that does not apply, says nothing", () => {
    const heard = cmp();
    heard(null, false);
    heard(data([1, 5, 6], { gdprApplies: false }), true);
    expect(changes).toBe(0);
  });
});

test.each([{ globalPrivacyControl: true }, { doNotTrack: "1" }])("a browser that objects (%j) is overruled by the page only", (wish) => {
  vi.stubGlobal("navigator", wish);
  consent.say(GRANTED);
  expect(consent.all()).toEqual({ analytics_storage: "granted", personalization_storage: "denied" });
  consent.say(GRANTED, true);
  expect(consent.granted("personalization_storage")).toBe(true);
});
