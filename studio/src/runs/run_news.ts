import { thinCurve } from "../../../src/report/curve.ts";
import type { Curve, Curves, RunView } from "../api_types.ts";
import type { News } from "../use_polled.ts";

/** Of a run that goes on, only the steps that are new, and the last one known: it may have been measured since. */
export const runNews: News<RunView> = {
  query: ({ progress }) => `?from=${progress?.step ?? 0}`,
  join: (known, news) => ({
    ...news,
    curves: joinCurves(known.curves, news.curves, news.from),
    answers: [...known.answers.filter(({ step }) => step < news.from), ...news.answers],
  }),
};

function joinCurves(known: Curves, news: Curves, from: number): Curves {
  const names = new Set([...Object.keys(known), ...Object.keys(news)]);
  return Object.fromEntries([...names].map((name) => [name, joined(known[name], news[name], from)]));
}

const NONE: Curve = { steps: [], values: [] };

function joined({ steps, values } = NONE, added = NONE, from: number): Curve {
  const found = steps.findIndex((step) => step >= from);
  const kept = found === -1 ? steps.length : found;
  return thinned({
    steps: [...steps.slice(0, kept), ...added.steps],
    values: [...values.slice(0, kept), ...added.values],
  });
}

const MOST_POINTS = 4000; // that a page keeps

function thinned({ steps, values }: Curve): Curve {
  const thin = thinCurve({ steps, values: values.map((value) => value ?? Number.NaN) }, MOST_POINTS);
  return { ...thin, values: thin.values.map((value) => (Number.isNaN(value) ? null : value)) };
}
