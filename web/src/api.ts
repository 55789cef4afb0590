/** Asks the API for recommendations. */

import { warn } from "./guard";
import type { Action, Recommendations } from "./swerve";
import type { Tokens } from "./token";

/** Whom the API takes for nobody in particular: it gives what everybody is shown. */
export const NOBODY = "-";

export interface Question {
  surface?: string | undefined;
  n?: number | undefined;
  actions?: readonly Action[] | undefined;
}

export interface Asker {
  endpoint: string | undefined;
  /** Her id, if she agreed to be known. */
  user?: string | undefined;
  /** Her segment, if an answer has told it: what she is shown when the API does not know her any more. */
  segment?: string | undefined;
}

export async function ask(question: Question, { endpoint, user, segment }: Asker, tokens: Tokens): Promise<Recommendations | undefined> {
  if (endpoint === undefined) return undefined;
  const { surface = "home", n = 10, actions } = question;
  let token: string | undefined;
  const request = async (who: string): Promise<Response> => {
    token = who === NOBODY ? undefined : await tokens.get(who);
    const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
    if (actions?.length && who !== NOBODY) {
      headers["Content-Type"] = "application/json";
      const body = JSON.stringify({ userId: who, actions, surface, n });
      return fetch(`${endpoint}/api/recommendations`, { method: "POST", body, headers, credentials: "omit" });
    }
    const query = new URLSearchParams({ surface, n: String(n), ...(segment && who !== NOBODY && { segment }) });
    // The browser revalidates what it has by its ETag.
    const cache = who === NOBODY ? "default" : "no-cache";
    return fetch(`${endpoint}/v1/recommendations/${encodeURIComponent(who)}?${query}`, { headers, credentials: "omit", cache });
  };
  try {
    let answer = await request(user ?? NOBODY);
    if (answer.status === 401 && user && token) {
      tokens.refuse(token);
      answer = await request(user);
    }
    // Better what everybody is shown than nothing.
    if (user && [401, 403, 404].includes(answer.status)) answer = await request(NOBODY);
    if (answer.ok) return (await answer.json()) as Recommendations;
    warn(`no recommendations (${answer.status})`);
  } catch (error) {
    warn("no recommendations", error);
  }
  return undefined;
}
