import { isExact } from "../evaluation/scores/exact_match.ts";
import { type Html, html } from "./html.ts";
import type { RecordedSample, RecordedSamples } from "./run_record.ts";

/** Held-out questions, each with what it was answered as training went on. */
export function answersSection(answers: readonly RecordedSamples[]): Html | undefined {
  const questions = [...byQuestion(answers).values()];
  if (questions.length === 0) return undefined;
  return html`<section aria-labelledby="answers"><h2 id="answers">Answers over time</h2>
<p class="note">Held-out questions, as they come and not chosen.</p>
<div class="answers">${questions.slice(0, SHOWN).map(answerCard)}</div>
${questions.length > SHOWN && html`<details><summary>${questions.length - SHOWN} more</summary><div class="answers">${questions.slice(SHOWN).map(answerCard)}</div></details>`}
</section>`;
}

const SHOWN = 6;

interface Asked {
  sample: RecordedSample;
  given: { step: number; answer: string }[];
}

function byQuestion(answers: readonly RecordedSamples[]): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  for (const { step, samples } of answers)
    for (const sample of samples) {
      const key = JSON.stringify([sample.task, sample.question, sample.references]);
      const one = asked.get(key) ?? { sample, given: [] };
      if (sample.tuned !== undefined) one.given.push({ step, answer: sample.tuned });
      asked.set(key, one);
    }
  return asked;
}

function answerCard({ sample, given }: Asked): Html {
  const { task, question, references } = sample;
  return html`<article class="answer"><h3><bdi>${task}</bdi></h3><div class="text question" dir="auto">${question}</div>
<dl class="steps">${given.map(({ step, answer }) => html`<dt>step ${step}</dt><dd class="${isExact(answer, references) ? "text right" : "text"}" dir="auto">${isExact(answer, references) && html`<span class="mark" role="img" aria-label="right">✓</span>`}${answer === "" ? html`<span class="dim">(nothing)</span>` : answer}</dd>`)}
${references.length > 0 && html`<dt>right</dt><dd class="text" dir="auto">${references.join("\n")}</dd>`}</dl></article>`;
}
