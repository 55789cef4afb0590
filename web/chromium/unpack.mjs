// Unpacks the browser of the package beside this into a folder, with a script that starts it: unpack.mjs FOLDER
import { execFileSync } from "node:child_process";
import { chmodSync, createReadStream, createWriteStream, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const folder = resolve(process.argv[2]);
const packed = join(import.meta.dirname, "node_modules/@sparticuz/chromium/bin");
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(packed).filter((each) => each.endsWith(".br"))) {
  const file = join(folder, name.slice(0, -".br".length));
  await pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), createWriteStream(file));
  if (file.endsWith(".tar")) {
    execFileSync("tar", ["-xf", file, "-C", folder]);
    rmSync(file);
  }
}
chmodSync(join(folder, "chromium"), 0o755);
// Its libraries and fonts come with it: the machine may have none.
writeFileSync(
  join(folder, "fonts.conf"),
  `<fontconfig><dir>/usr/share/fonts</dir><dir>${folder}/fonts</dir><cachedir>${folder}/cache</cachedir></fontconfig>\n`,
);
const start = `#!/bin/sh
LD_LIBRARY_PATH="${folder}/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" FONTCONFIG_FILE="${folder}/fonts.conf" exec "${folder}/chromium" "$@"
`;
writeFileSync(join(folder, "start"), start, { mode: 0o755 });
