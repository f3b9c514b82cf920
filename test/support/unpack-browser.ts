// Run as a process of its own by browser.ts with TMPDIR set: unpacks the browser and the libraries it needs there.
// It must not be imported: the package chooses its target folder from TMPDIR, which belongs to the whole process.

import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import chromium, { inflate } from "@sparticuz/chromium";

await chromium.executablePath();
// The package unpacks its own NSS and expat only where it recognises AWS; any other machine may lack them just the same.
await inflate(fileURLToPath(new URL("../bin/al2023.tar.br", import.meta.resolve("@sparticuz/chromium"))));
// The package's own list of font folders names /tmp/fonts only; without any font the browser draws no text and crashes.
await writeFile(
  join(tmpdir(), "fonts/fonts.conf"),
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="relative">cache</cachedir>
</fontconfig>
`,
);
