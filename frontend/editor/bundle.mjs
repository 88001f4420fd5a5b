// Bundles what is loaded when it is needed, each into one minified module: `npm run bundle -- <directory>` writes
// <directory>/editor.js and <directory>/terminal.js.
import { build } from "esbuild";
import { join } from "node:path";

const directory = process.argv[2];
if (!directory) {
  console.error("usage: npm run bundle -- <directory>");
  process.exit(2);
}

await build({
  entryPoints: ["editor", "terminal"].map((name) => join(import.meta.dirname, `src/${name}.js`)),
  outdir: directory,
  bundle: true,
  format: "esm",
  loader: { ".css": "text" },
  minify: true,
  target: "es2022",
  legalComments: "eof",
  logLevel: "warning",
});
