/** What cards show of items, asked for once a page. */

import { warn } from "./guard";
import type { Details } from "./swerve";

export type DetailsSource = (ids: string[]) => readonly Details[] | Promise<readonly Details[]>;

export interface Catalogue {
  /** By id; items that the shop does not tell about are missing. */
  details(ids: readonly string[], url: string | null): Promise<Map<string, Details>>;
}

const fromUrl =
  (template: string): DetailsSource =>
  async (ids) => {
    const address = template.replace("{ids}", ids.map(encodeURIComponent).join(","));
    const answer = await fetch(address, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    const said = (await answer.json()) as readonly Details[] | { items: readonly Details[] };
    return "items" in said ? said.items : said;
  };

export function createCatalogue(source: () => DetailsSource | string | undefined): Catalogue {
  const known = new Map<string, Details>();
  const asked = new Map<string, Promise<void>>();
  return {
    async details(ids, url) {
      const from = url ?? source();
      const missing = ids.filter((id) => !asked.has(id));
      if (!from) warn("nothing tells what items look like: give `items` or `itemsUrl`");
      else if (missing.length) {
        const give = typeof from === "string" ? fromUrl(from) : from;
        const learn = async (): Promise<void> => {
          for (const each of await give(missing)) known.set(each.item_id, each);
        };
        // What another list on the page has asked for is waited for; what was not answered is asked for again.
        const answer = learn().catch((error) => {
          warn("no details of items", error);
          for (const id of missing) asked.delete(id);
        });
        for (const id of missing) asked.set(id, answer);
      }
      await Promise.all(ids.map((id) => asked.get(id)));
      return known;
    },
  };
}
