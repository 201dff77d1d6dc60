import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { alpacaTemplate } from "./alpaca_template.ts";
import { type ChatTemplateOptions, chatTemplate } from "./chat_template.ts";
import type { Template } from "./template.ts";

interface NamedTemplate {
  source: string;
  /** What ends a turn; the tokenizer's eos when left out. */
  end?: string;
}

const SYSTEM_FIRST =
  "{% set system = messages[0].content if messages and messages[0].role == 'system' else none %}{% set turns = messages if system is none else messages[1:] %}";
const ALTERNATE =
  "{% if (turn.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and assistant messages must take turns, after a system message at most') }}{% endif %}";

/** The prompts of well-known families, for models that carry no template of their own. They know no tools. */
export const JINJA_TEMPLATES: Readonly<Record<string, NamedTemplate>> = {
  chatml: {
    end: "<|im_end|>",
    source:
      "{% for turn in messages %}{{ '<|im_start|>' + turn.role + '\n' + turn.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
  },
  llama2: {
    source: `${SYSTEM_FIRST}{% for turn in turns %}${ALTERNATE}{% if turn.role == 'user' %}{{ bos_token + '[INST] ' + ('<<SYS>>\n' + system + '\n<</SYS>>\n\n' if loop.first and system is not none else '') + turn.content.strip() + ' [/INST]' }}{% else %}{{ ' ' + turn.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}`,
  },
  llama3: {
    end: "<|eot_id|>",
    source:
      "{{ bos_token }}{% for turn in messages %}{{ '<|start_header_id|>' + turn.role + '<|end_header_id|>\n\n' + turn.content | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
  },
  mistral: {
    source: `{{ bos_token }}${SYSTEM_FIRST}{% for turn in turns %}${ALTERNATE}{% if turn.role == 'user' %}{{ '[INST] ' + (system + '\n\n' if loop.first and system is not none else '') + turn.content + ' [/INST]' }}{% else %}{{ ' ' + turn.content.strip() + eos_token }}{% endif %}{% endfor %}`,
  },
  gemma: {
    end: "<end_of_turn>",
    source: `{{ bos_token }}${SYSTEM_FIRST}{% for turn in turns %}${ALTERNATE}{{ '<start_of_turn>' + ('model' if turn.role == 'assistant' else turn.role) + '\n' + (system + '\n\n' if loop.first and system is not none else '') + turn.content | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}`,
  },
  phi3: {
    end: "<|end|>",
    source:
      "{% for turn in messages %}{{ '<|' + turn.role + '|>\n' + turn.content + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
  },
  zephyr: {
    source:
      "{% for turn in messages %}{{ '<|' + turn.role + '|>\n' + turn.content + eos_token + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
  },
  vicuna: {
    source: `{{ bos_token }}${SYSTEM_FIRST}{{ system if system is not none else "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions." }}{% for turn in turns %}${ALTERNATE}{{ ' USER: ' + turn.content if turn.role == 'user' else ' ASSISTANT: ' + turn.content + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ ' ASSISTANT:' }}{% endif %}`,
  },
  deepseek: {
    source: `{{ bos_token }}${SYSTEM_FIRST}{{ system + '\n\n' if system is not none else '' }}{% for turn in turns %}${ALTERNATE}{{ 'User: ' + turn.content + '\n\n' if turn.role == 'user' else 'Assistant: ' + turn.content + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`,
  },
};

/** Names that `namedTemplate` knows. */
export const namedTemplates: readonly string[] = ["alpaca", ...Object.keys(JINJA_TEMPLATES)];

/**
 * A built-in template, or undefined when there is none of this name.
 * @throws AttuneError when the tokenizer lacks the token that ends its turns: the model would never learn to stop.
 */
export function namedTemplate(
  name: string,
  { specialTokens, idOf, isAdded }: Pick<Tokenizer, "specialTokens" | "idOf" | "isAdded">,
  options: ChatTemplateOptions = {},
): Template | undefined {
  if (name === "alpaca") return alpacaTemplate(specialTokens.eos ?? "");
  if (!Object.hasOwn(JINJA_TEMPLATES, name)) return undefined;
  const { source, end = specialTokens.eos } = JINJA_TEMPLATES[name]!;
  const id = end === undefined ? undefined : idOf(end);
  if (id === undefined || !isAdded(id))
    throw new AttuneError({
      code: "templates.no-end-of-turn",
      place: `template ${name}`,
      problem: `each turn ends with ${end ?? "the eos token"}, which the tokenizer doesn't have as a special token, so the model would never learn to stop`,
      wayOut: "Use template: alpaca, or a template of the model's own family",
    });
  // Where there is no bos, there is none to write.
  return chatTemplate(source, { bos: "", ...specialTokens }, { ...options, name });
}
