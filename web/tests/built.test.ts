import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";

const COMMITTED = join(import.meta.dirname, "../../serving/static");
const FILES = ["swerve.d.ts", "swerve.js", "swerve.mjs"];
const MOST = 10_240;

describe("what is committed", () => {
  const anew = mkdtempSync(join(tmpdir(), "swerve-web-"));
  afterAll(() => rmSync(anew, { recursive: true }));

  test("is what `npm run build` makes of the source, byte for byte", () => {
    execFileSync("npm", ["run", "build"], {
      cwd: join(import.meta.dirname, ".."),
      env: { ...process.env, SWERVE_STATIC: anew },
      stdio: "pipe",
    });
    expect(readdirSync(anew).sort()).toEqual(FILES);
    for (const file of FILES) expect(readFileSync(join(anew, file), "utf8"), file).toBe(readFileSync(join(COMMITTED, file), "utf8"));
  });

  test.each(["swerve.js", "swerve.mjs"])("%s is small", (file) => {
    expect(gzipSync(readFileSync(join(COMMITTED, file)), { level: 9 }).length).toBeLessThanOrEqual(MOST);
  });
});
