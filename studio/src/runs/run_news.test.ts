import { expect, test } from "vitest";
import type { RunView } from "../api_types.ts";
import { runNews } from "./run_news.ts";

const view = (about: Partial<Record<keyof RunView, unknown>>) => about as unknown as RunView;
const loss = (steps: number[]) => ({ loss: { steps, values: steps.map((step) => 1 / step) } });

test("what is new stands behind what is known; the last step is told again", () => {
  const known = view({ progress: { step: 2 }, curves: loss([1, 2]), answers: [{ step: 0 }, { step: 2 }] });
  expect(runNews.query(known)).toBe("?from=2");
  const evalLoss = { steps: [2], values: [null] };
  const news = view({ from: 2, curves: { ...loss([2, 3]), evalLoss }, answers: [{ step: 2 }] });
  expect(runNews.join(known, news)).toMatchObject({
    curves: { ...loss([1, 2, 3]), evalLoss },
    answers: [{ step: 0 }, { step: 2 }],
  });
});

test("a run that went back is told anew", () => {
  const known = view({ progress: { step: 9 }, curves: loss([1, 9]), answers: [{ step: 9 }] });
  const news = view({ from: 0, curves: loss([1, 2]), answers: [] });
  expect(runNews.join(known, news)).toMatchObject({ curves: loss([1, 2]), answers: [] });
});

test("a long run stays small", () => {
  const steps = Array.from({ length: 9000 }, (_, i) => i + 1);
  const known = view({ curves: loss(steps), answers: [] });
  const joined = runNews.join(known, view({ from: 9001, curves: loss([9001]), answers: [] }));
  expect(joined.curves.loss!.steps.length).toBeLessThanOrEqual(4000);
  expect(joined.curves.loss!.steps.at(-1)).toBe(9001);
});
