/** What of a model directory belongs to the tokenizer and to generation: fetched, and taken over by models made of it. */
export const COMPANION_FILES: ReadonlySet<string> = new Set([
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
