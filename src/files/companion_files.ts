const COMPANION_FILES: ReadonlySet<string> = new Set([
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "tokenizer.model",
  "spiece.model",
  "chat_template.jinja",
  "chat_template.json",
]);

/** Where transformers keeps chat templates beside the default one. */
export const CHAT_TEMPLATE_DIRECTORY = "additional_chat_templates";

/**
 * Whether a file of a model directory belongs to the tokenizer or to generation: those are fetched, and taken over by
 * models made of it.
 * @param path within the directory, with "/".
 */
export function isCompanionFile(path: string): boolean {
  const [directory, name, ...deeper] = path.split("/");
  if (name === undefined) return COMPANION_FILES.has(path);
  return directory === CHAT_TEMPLATE_DIRECTORY && deeper.length === 0 && name.endsWith(".jinja");
}
