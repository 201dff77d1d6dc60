import { readRunResult } from "../run/run_result.ts";

/** What `attune chat` has to be told of a model that was made from the adapter at `path`: what its run's recipe says. */
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
