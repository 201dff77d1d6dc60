/** Writes an extended tokenizer.json of each kind into the directory named, for goldens/vocabulary.py. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extendTokenizer } from "../../src/tokenizers/extend.ts";

const { kinds } = JSON.parse(readFileSync("src/tokenizers/goldens/encode.json", "utf8"));
const { learn } = JSON.parse(readFileSync("goldens/vocabulary/texts.json", "utf8"));
const out = process.argv[2]!;
mkdirSync(out, { recursive: true });
for (const [kind, { json }] of Object.entries<{ json: { model: { type: string } } }>(kinds)) {
  if (json.model.type !== "BPE") continue;
  const { tokenizerJson } = extendTokenizer(json, null, learn, { size: 60 });
  writeFileSync(join(out, `${kind}.json`), JSON.stringify(tokenizerJson));
}
