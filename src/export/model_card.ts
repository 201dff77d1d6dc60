import type { Adapter } from "../adapters/adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";

/** What a repository holds. */
export type CardSubject =
  | { kind: "adapter"; adapter: Adapter; hasTokenizer: boolean }
  | { kind: "model" | "onnx" | "gguf" | "mlx" };

/** How it came about, as far as that is known; paths of a machine have no place here. */
export interface CardRun {
  /** Data sets by the names others know them by. */
  data: readonly string[];
  settings: readonly (readonly [name: string, value: string])[];
  metrics: readonly (readonly [name: string, value: string])[];
}

export interface CardFacts {
  subject: CardSubject;
  /** The base's name on a hub, or its directory's; left out where nothing says it. */
  base?: string;
  /** Where this will lie: the Python, JavaScript and commands of the card load it from there; here when left out. */
  name?: string;
  run?: CardRun;
  /** As the hub spells it: "apache-2.0". */
  licence?: string;
}

/** A model card as the hub reads it: facts for machines in front, then what it is and how to use it. */
export function modelCard(facts: CardFacts): string {
  const { subject, licence, run } = facts;
  const base = facts.base === undefined ? undefined : plain(facts.base);
  const own = facts.name ?? ".";
  const head = [
    ...(base === undefined ? [] : [`base_model: ${yaml(base)}`]),
    ...(licence === undefined ? [] : [`license: ${yaml(plain(licence))}`]),
    `library_name: ${LIBRARIES[subject.kind]}`,
    "pipeline_tag: text-generation",
    "tags:\n- attune",
    ...(subject.kind === "adapter" ? [`- ${subject.adapter.config.type}`] : []),
  ];
  const parts = [
    `---\n${head.join("\n")}\n---`,
    `# ${title(facts, base)}`,
    `${about(subject)}${licence === undefined && base !== undefined ? " The base's licence holds for it." : ""}`,
    ...(run ? training(run) : []),
    "## Use",
    ...USES[subject.kind](own, base ?? "the base", subject),
  ];
  return `${parts.join("\n\n")}\n`;
}

const LIBRARIES = {
  adapter: "peft",
  model: "transformers",
  onnx: "transformers.js",
  gguf: "gguf",
  mlx: "mlx",
} as const;

/** It comes from a file, and stands in Markdown. */
const plain = (text: string) => text.replace(/[\p{Cc}`]/gu, " ");

/** Plain where YAML reads it as text, quoted as JSON does otherwise. */
const yaml = (text: string): string => (/^[A-Za-z][\w./-]*$/.test(text) ? text : JSON.stringify(text));

function title({ subject, name }: CardFacts, base: string | undefined): string {
  if (subject.kind === "adapter") return `An adapter for ${base}`;
  return name?.split("/").at(-1) ?? (base === undefined ? "A model" : `A model made from ${base}`);
}

function about(subject: CardSubject): string {
  if (subject.kind !== "adapter") return "Made with attune.";
  const { adapter } = subject;
  return `${kindOf(adapter).describe(adapter.config)}, on ${adapter.modules.size} layers. Made with attune.`;
}

function training({ data, settings, metrics }: CardRun): string[] {
  const lines = (rows: CardRun["settings"]) =>
    rows.map(([name, value]) => `- ${name}: ${plain(value)}`).join("\n");
  return [
    "## Training",
    lines([...data.map((name) => ["data", name] as const), ...settings]),
    ...(metrics.length > 0 ? ["## Results", lines(metrics)] : []),
  ];
}

const code = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\``;
const quoted = (text: string) => JSON.stringify(text);
const PROMPT = `inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))`;

type Use = (own: string, base: string, subject: CardSubject) => string[];

const ollamaOf = (words: string) =>
  `For Ollama: ${"`"}attune export ${words} --format ollama --out mine${"`"}, then ${"`"}ollama create mine -f mine/Modelfile${"`"}.`;

const browserOf = (words: string) =>
  `For JavaScript, in browsers too: ${"`"}attune export ${words} --format onnx --type q4 --out mine-js${"`"}, then

${code("js", 'import { pipeline } from "@huggingface/transformers";\nconst chat = await pipeline("text-generation", "./mine-js");')}`;

const adapterUse: Use = (own, base, subject) => {
  const hasTokenizer = subject.kind === "adapter" && subject.hasTokenizer;
  const words = `--model ${base} --adapter ${own}`;
  return [
    code(
      "python",
      `from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, path_to_this = ${quoted(base)}, ${quoted(own)}
tokenizer = AutoTokenizer.from_pretrained(${hasTokenizer ? "path_to_this" : "base"})
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), path_to_this)
${PROMPT}`,
    ),
    `With attune: \`attune chat ${words}\``,
    browserOf(words),
    ollamaOf(words),
  ];
};

const modelUse: Use = (own) => [
  code(
    "python",
    `from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(${quoted(own)})
model = AutoModelForCausalLM.from_pretrained(${quoted(own)})
${PROMPT}`,
  ),
  `With attune: \`attune chat --model ${own}\``,
  browserOf(`--model ${own}`),
  ollamaOf(`--model ${own}`),
];

const onnxUse: Use = (own) => [
  code(
    "js",
    `import { pipeline } from "@huggingface/transformers";
const chat = await pipeline("text-generation", ${quoted(own)});
const [{ generated_text }] = await chat([{ role: "user", content: "Hello" }], { max_new_tokens: 100 });
console.log(generated_text.at(-1).content);`,
  ),
];

const ggufUse: Use = (own) => [code("sh", `ollama run hf.co/${own}\nllama-cli -hf ${own}`)];
const mlxUse: Use = (own) => [code("sh", `mlx_lm.generate --model ${own} --prompt "Hello"`)];

const USES: Record<CardSubject["kind"], Use> = {
  adapter: adapterUse,
  model: modelUse,
  onnx: onnxUse,
  gguf: ggufUse,
  mlx: mlxUse,
};
