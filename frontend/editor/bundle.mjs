// Bundles the editor into one minified module: `npm run bundle -- <directory>` writes <directory>/editor.js.
import { build } from "esbuild";
import { join } from "node:path";

const directory = process.argv[2];
if (!directory) {
  console.error("usage: npm run bundle -- <directory>");
  process.exit(2);
}

await build({
  entryPoints: [join(import.meta.dirname, "src/editor.js")],
  outfile: join(directory, "editor.js"),
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
});
