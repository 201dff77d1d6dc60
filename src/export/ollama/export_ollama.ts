import { join } from "node:path";
import { writeDirectoryAtomic, writeFileAtomic } from "../../files/atomic.ts";
import { type Base, openBase, openTemplate } from "../../pretrained/base.ts";
import { AttuneError } from "../../text/errors.ts";
import { endTokens } from "../end_tokens.ts";
import { exportGguf } from "../gguf/export_gguf.ts";
import { exportLora } from "../gguf/export_lora.ts";
import type { FileTypeName } from "../gguf/tensor_plan.ts";
import type { SourceOptions } from "../open_source.ts";
import { GO_TEMPLATES } from "./go_templates.ts";
import { matchTemplate } from "./match_template.ts";
import { type Modelfile, modelfileText } from "./modelfile.ts";

export interface OllamaOptions extends SourceOptions {
  /** A directory, new or empty. */
  output: string;
  type: FileTypeName;
  /** As in a recipe: "chat" is the model's own, and left out the same. */
  template?: string;
  /** What the system message says where a conversation has none. */
  system?: string;
  /** Whether the adapter goes into the model's file; otherwise it gets a file of its own. */
  merge?: boolean;
  onBytes?: (done: number, total: number) => void;
}

export interface OllamaReport {
  /** The built-in template that TEMPLATE is; undefined when Ollama has to know the model's own. */
  template?: string;
  stop: readonly string[];
}

const MODEL = "model.gguf";
const ADAPTER = "adapter.gguf";

/**
 * Writes a directory that `ollama create` takes: the model as GGUF, with the adapter merged or beside it, and a Modelfile.
 * @throws AttuneError that names what can't be represented.
 */
export async function exportOllama(options: OllamaOptions): Promise<OllamaReport> {
  const { output, model, adapter, merge = true, template: name, onWarning, onBytes, type } = options;
  const base = await openBase(model);
  const { file, report } = await modelfileOf(base, options);
  const isApart = adapter !== undefined && !merge;
  await writeDirectoryAtomic(output, async (directory) => {
    const source = { model, template: name, onWarning, onBytes, type };
    const merged = isApart ? undefined : adapter;
    await exportGguf({ ...source, adapter: merged, output: join(directory, MODEL) });
    if (isApart)
      await exportLora({ model, adapter, onWarning, type: "f16", output: join(directory, ADAPTER) });
    const text = modelfileText({ ...file, ...(isApart && { adapter: ADAPTER }) });
    await writeFileAtomic(join(directory, "Modelfile"), text);
  });
  return report;
}

async function modelfileOf(
  base: Base,
  { template: name, system }: OllamaOptions,
): Promise<{ file: Modelfile; report: OllamaReport }> {
  const stop = await stopTexts(base, name);
  if (name === "none") {
    if (system !== undefined) throw noSystem();
    return { file: { from: MODEL, template: "{{ .Prompt }}", stop }, report: { template: "none", stop } };
  }
  const template = await openTemplate(base, { name });
  const matched = matchTemplate(template, base.tokenizer);
  const go = matched && GO_TEMPLATES[matched.name]!(tokensOf(base));
  const file = { from: MODEL, template: go, system: system ?? matched?.system, stop };
  return { file, report: { template: matched?.name, stop } };
}

const noSystem = () =>
  new AttuneError({
    code: "export.option",
    place: "--system",
    problem: "text that is continued as it is holds no system message",
    wayOut: "Leave it out, or give a template (--template)",
  });

/** Ollama begins texts with the BOS where the file says so, as the tokenizer's post-processor does. */
function tokensOf({ tokenizer }: Base) {
  const { bos = "", eos = "" } = tokenizer.specialTokens;
  const plain = tokenizer.encode("a").ids.length;
  const isAdded = tokenizer.encode("a", { addBos: true }).ids.length > plain;
  return { firstBos: isAdded ? "" : bos, bos, eos };
}

/** The texts of all tokens that end what the model writes. */
async function stopTexts(base: Base, template?: string): Promise<string[]> {
  const texts = (await endTokens(base, template)).map((id) => base.tokenizer.tokenOf(id));
  return texts.filter((text) => text !== undefined);
}
