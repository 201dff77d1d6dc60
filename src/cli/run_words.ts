import { readRunResult } from "../run/run_result.ts";

/** Options that `attune chat` needs for a model made from the adapter at `path`, from its run's recipe. */
export async function runWords(path: string): Promise<string[]> {
  const result = await readRunResult(path).catch(() => undefined); // a hint is no place to fail
  if (!result) return [];
  const { stage, template, chatTemplateKwargs } = result.recipe;
  const written = stage === "pretrain" ? "none" : template;
  return [
    ...(written === "chat" ? [] : ["--template", written]),
    ...(chatTemplateKwargs ? ["--chat-template-kwargs", JSON.stringify(chatTemplateKwargs)] : []),
  ];
}
