import { emptyReport } from "../../data/tokenize/preparation_report.ts";
import { addMetrics, addSamples, emptyHistory, type RunRecord } from "../run_record.ts";

/** What rows and settings from elsewhere may hold. */
export const HOSTILE = `</script><script>ran = 1</script><img src=x onerror=alert(1)>"' onload='ran = 2' \u0000\u202e ${"wide".repeat(80)}`;

/** A preference run of so many steps that answers held-out rows; `text` stands wherever a file's text is shown. */
export function exampleRun(steps = 40, text = "What is the capital of France?"): RunRecord {
  const history = emptyHistory();
  for (let step = 0; step <= steps; step++) {
    const loss = 0.69 * Math.exp((-2 * step) / steps) + 0.05 * Math.sin(step);
    if (step > 0)
      addMetrics(history, {
        ...{
          step,
          epoch: step / 10,
          loss,
          learningRate: 3e-4 * (1 - step / steps),
          gradNorm: 1 + Math.sin(step) ** 2,
        },
        ...{ tokens: 100, computedTokens: 80, seconds: 0.01, tokensPerSecond: 9000 + (step % 7) * 100 },
        "rewards/accuracies": Math.min(1, step / steps + 0.2),
      });
    if (steps > 0 && step % Math.ceil(steps / 4) === 0) {
      addMetrics(history, {
        step,
        evalLoss: loss + 0.1,
        "eval_rewards/accuracies": step / steps,
        eval_exactMatch: 0.1,
      });
      addSamples(history, {
        step,
        samples: [{ task: text, question: text, references: [text], tuned: `${text}${step}` }],
      });
    }
  }
  const scores = { exactMatch: { value: 0.1, low: 0.05, high: 0.15 } };
  return {
    path: "runs/example",
    recipe: {
      ...{
        model: text,
        objective: { type: "dpo" },
        adapter: { type: "lora", r: 8, targetModules: ["q_proj", text] },
      },
      ...{ training: { learningRate: 3e-4, maxSteps: steps }, output: "runs/example" },
    },
    startedAt: new Date("2026-01-02T03:04:05Z"),
    history,
    summary: {
      ...{
        state: "completed",
        step: steps,
        totalSteps: steps,
        stepsPerEpoch: 10,
        examples: 40,
        evaluationExamples: 5,
      },
      ...{ trainedParameters: 1000, parameters: 100_000, duplicates: 0, warnings: [`a warning: ${text}`] },
      ...{
        data: {
          ...emptyReport(),
          read: 48,
          kept: 45,
          dropped: [{ reason: "the answer is empty", count: 3, origins: [] }],
        },
      },
      ...{ learningRate: { value: 3e-4, origin: "the recipe's" }, seconds: 12, peakMemoryBytes: 1.2e9 },
      ...{ resultBytes: 4096, diskBytes: 1e6, dataHash: "a", heldOutHash: "b" },
    },
    evaluation: {
      rows: 5,
      base: scores,
      tuned: scores,
      tasks: { [text]: { rows: 5, base: scores, tuned: scores } },
    },
    damaged: [],
  };
}
