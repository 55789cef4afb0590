import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const HERE = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), "swerve-types-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the compiler says of a shop's code beside the types as they are published. */
const compile = (code: string): string => {
  copyFileSync(join(HERE, "../../serving/static/swerve.d.ts"), join(folder, "swerve.d.mts"));
  writeFileSync(join(folder, "shop.ts"), code);
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "esnext", "--types", ""];
  try {
    return execFileSync(join(HERE, "../node_modules/.bin/tsc"), [...options, "--moduleResolution", "bundler", "shop.ts"], {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
};

test("a shop in TypeScript knows the module, the global, the element and its events", () => {
  const code = `
    import swerve, { type Details } from "./swerve.mjs";
    swerve.init({ writeKey: "k", items: async (ids): Promise<Details[]> => ids.map((item_id) => ({ item_id, title: item_id, url: "/" })) });
    swerve.track("add_to_wishlist", { item_id: "i1", price: undefined });
    window.swerve?.q.push(["viewItem", { item_id: "i1" }]);
    const element = document.createElement("swerve-recommendations");
    element.addEventListener("swerve:update", ({ detail }) => console.log(detail.items[0]?.item_id, element.recommendations?.segment.name));
    document.addEventListener("swerve:consent", ({ detail }) => detail.analytics_storage === "granted" && element.refresh());
    const list = await swerve.recommendations({ actions: [{ event_name: "view_item", item_id: "i1" }] });
    export const names: string[] = list?.items.map(({ reason }) => reason) ?? [];`;
  expect(compile(code)).toBe("");
});

test("what is wrong is said, line by line", () => {
  const wrong = [
    'swerve.track("viewed");',
    'swerve.viewItem({ item_name: "Pram" });',
    'swerve.consent({ analytics_storage: "yes" });',
    'window.swerve?.q.push(["nothing"]);',
    'swerve.init({ endPoint: "" });',
  ];
  const said = compile(`import swerve from "./swerve.mjs";\n${wrong.join("\n")}\n`);
  expect([...said.matchAll(/^shop\.ts\((\d+),/gm)].map(([, line]) => Number(line))).toEqual([2, 3, 4, 5, 6]);
});
