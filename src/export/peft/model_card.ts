import type { Adapter } from "../../adapters/adapter.ts";
import { kindOf } from "../../adapters/kinds/kinds.ts";

export interface CardFacts {
  adapter: Adapter;
  /** The base's name on a hub, or its directory's. */
  base: string;
  /** Whether the adapter's directory holds a tokenizer of its own. */
  hasTokenizer: boolean;
}

/** A model card as the hub reads it: facts for machines in front, then what it is and how to use it. */
export function modelCard({ adapter, base: given, hasTokenizer }: CardFacts): string {
  const base = given.replace(/[\p{Cc}`]/gu, " "); // it comes from a file, and stands in Markdown
  const settings = kindOf(adapter).describe(adapter.config);
  const tokenizer = hasTokenizer ? "path_to_this" : "base";
  return `---
base_model: ${yaml(base)}
library_name: peft
pipeline_tag: text-generation
tags:
- attune
- ${adapter.config.type}
---

# An adapter for ${base}

${settings}, on ${adapter.modules.size} layers. Made with attune.

## Use

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, path_to_this = ${JSON.stringify(base)}, "."
tokenizer = AutoTokenizer.from_pretrained(${tokenizer})
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), path_to_this)
inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))
\`\`\`

With attune: \`attune chat --model ${base} --adapter .\`
`;
}

/** Plain where YAML reads it as text, quoted as JSON does otherwise. */
const yaml = (text: string): string => (/^[A-Za-z][\w./-]*$/.test(text) ? text : JSON.stringify(text));
