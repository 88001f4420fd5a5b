// Makes a module small: `node minify.mjs <from> <to>`.
import { build } from "esbuild";

const [from, to] = process.argv.slice(2);
if (!to) {
  console.error("usage: node minify.mjs <from> <to>");
  process.exit(2);
}

await build({ entryPoints: [from], outfile: to, format: "esm", minify: true, target: "es2022", legalComments: "none", logLevel: "warning" });
