/** `<script async src="…/swerve.js" data-write-key="…">` */

import { guard } from "./guard";
import { install } from "./install";
import type { Choice, Options } from "./swerve";

guard(() => {
  const tag = document.currentScript as HTMLScriptElement | null;
  const said = tag?.dataset ?? {};
  install(optionsOf(said, tag?.src), said.init !== "manual");
})();

function optionsOf(said: DOMStringMap, source: string | undefined): Options {
  const { endpoint, writeKey, user, itemsUrl, tokenUrl } = said;
  const consent = said.consent as Choice | undefined;
  return {
    endpoint: endpoint ?? (source ? new URL(source).origin : undefined),
    writeKey,
    user,
    itemsUrl,
    automatic: said.automatic !== "false",
    jsonLd: "jsonLd" in said,
    debug: "debug" in said,
    token: tokenUrl ? (user) => fetchToken(tokenUrl, user) : undefined,
    consent: consent && { analytics_storage: consent, personalization_storage: consent },
  };
}

/** A token as text, or as `{"token": …}`. */
async function fetchToken(template: string, user: string): Promise<string> {
  const answer = await fetch(template.replace("{user}", encodeURIComponent(user)), { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${template}: ${answer.status}`);
  const text = (await answer.text()).trim();
  return text.startsWith("{") ? (JSON.parse(text) as { token: string }).token : text;
}
