/** Tokens that were read and written. */
export interface Usage {
  prompt: number;
  completion: number;
}

/** OpenAI's usage object. Of several answers to one prompt, the prompt counts once. */
export function addUsage(answers: readonly Usage[]) {
  const prompt = answers[0]?.prompt ?? 0;
  const completion = answers.reduce((sum, one) => sum + one.completion, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
