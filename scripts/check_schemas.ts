/**
 * Asks the demo's model, which knows no JSON, for answers by each schema, and has ajv judge every one of them.
 *
 *   npm run check-schemas -- --runs 100 --seed 1
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { constrain } from "../src/generation/constraint/constrain.ts";
import { schemaGrammar } from "../src/generation/constraint/schema_grammar.ts";
import { loadModel } from "../src/generation/load_model.ts";
import { SCHEMAS } from "../src/server/testing/schemas.ts";
import { validatorOf } from "../src/server/testing/validator.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});
const [runs, firstSeed] = [Number(values.runs), Number(values.seed)];
const WIDTH = 16; // answers side by side
const TEMPERATURES = [0.7, 1, 1.5, 2];
const model = await loadModel(fileURLToPath(new URL("../demo/base", import.meta.url)), { threads: 1 });
const wrong: string[] = [];

for (const schema of SCHEMAS) {
  const rule = constrain(schemaGrammar(schema), model.tokenizer);
  const isValid = validatorOf(schema);
  const ask = async (run: number) => {
    const { text } = await model.chat([{ role: "user", content: "Describe the colour of the sky." }], {
      maxTokens: 80,
      temperature: TEMPERATURES[run % TEMPERATURES.length]!,
      seed: firstSeed + run,
      topK: 0,
      topP: 1,
      rules: (ends) => [rule(ends)],
    });
    if (!fits(text, isValid)) wrong.push(`${JSON.stringify(schema)}, run ${run}: ${text}`);
  };
  for (let run = 0; run < runs; run += WIDTH)
    await Promise.all(Array.from({ length: Math.min(WIDTH, runs - run) }, (_, i) => ask(run + i)));
}
await model.release();

for (const one of wrong) console.log(one);
const total = SCHEMAS.length * runs;
console.log(`${total - wrong.length} of ${total} answers fit their schemas (${SCHEMAS.length} schemas)`);
process.exitCode = wrong.length > 0 ? 1 : 0;

function fits(text: string, isValid: (value: unknown) => boolean): boolean {
  try {
    return isValid(JSON.parse(text));
  } catch {
    return false;
  }
}
