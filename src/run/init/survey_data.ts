import { createHash } from "node:crypto";
import { describeOrigin, type Example, type UnusableRow } from "../../data/example.ts";
import type { HubOptions } from "../../hub/options.ts";
import { AttuneError } from "../../text/errors.ts";
import { rowSource } from "../row_source.ts";
import { type ScriptShare, scriptCounter } from "./scripts.ts";

/** What data is like, before anything is chosen for it. */
export interface DataSurvey {
  /** Rows that can be used, by what they say. */
  rows: number;
  kinds: Partial<Record<Example["kind"], number>>;
  /** Rows that can't be read, and why not the first of them. */
  unusable: { count: number; first?: string };
  /** Rows that equal an earlier one. */
  duplicates: number;
  /** Writing systems, the most frequent first. */
  scripts: ScriptShare[];
  /** All answers there are, where they are few and short: labels. */
  labels?: string[];
  /** Conversations that offer tools. */
  withTools: number;
}

const SEED = 0; // of tasks' phrasings, of which data named on a command line has none

/**
 * Reads all rows of files, directories or datasets of the hub; `columns` as in a recipe's data.
 * @throws AttuneError when there is none, or they don't go together.
 */
export async function surveyData(
  paths: readonly string[],
  hub?: HubOptions,
  columns?: Record<string, string>,
): Promise<DataSurvey> {
  const survey: DataSurvey = {
    rows: 0,
    kinds: {},
    unusable: { count: 0 },
    duplicates: 0,
    scripts: [],
    withTools: 0,
  };
  const seen = new Set<string>();
  const scripts = scriptCounter();
  const answers = new Map<string, number>();
  let first: { path: string; kind: Example["kind"] } | undefined;
  for (const [i, path] of paths.entries()) {
    const { examples } = await rowSource(
      { path, ...(columns && { columns }) },
      { place: `data.${i}`, seed: SEED, hub },
    );
    for await (const example of examples) {
      if (example.kind === "unusable") {
        noteUnusable(survey, example);
        continue;
      }
      first ??= { path, kind: example.kind };
      requireTogether(first, path, example);
      const text = textOf(example);
      const key = createHash("sha1").update(text).digest("base64");
      if (seen.has(key)) survey.duplicates++;
      seen.add(key);
      survey.rows++;
      survey.kinds[example.kind] = (survey.kinds[example.kind] ?? 0) + 1;
      if ("tools" in example && example.tools?.length) survey.withTools++;
      scripts.add(text);
      countAnswer(answers, example);
    }
  }
  if (survey.rows === 0) throw nothingUsable(paths, survey);
  return { ...survey, scripts: scripts.shares(), ...labelsOf(answers, survey.rows) };
}

function noteUnusable({ unusable }: DataSurvey, { reason, origin }: UnusableRow): void {
  unusable.count++;
  unusable.first ??= `${describeOrigin(origin)}: ${reason}`;
}

const nothingUsable = (paths: readonly string[], { unusable }: DataSurvey) =>
  new AttuneError({
    code: "run.no-usable-rows",
    place: paths.join(", "),
    problem: unusable.first
      ? `none of ${unusable.count} rows can be used; the first: ${unusable.first}`
      : "there are no rows",
  });

/** What one objective learns from. */
const FAMILY: Record<Example["kind"], string> = {
  conversation: "answers",
  completion: "answers",
  text: "answers",
  tokens: "answers",
  preference: "pairs of answers",
  feedback: "answers that were liked or not",
};

function requireTogether(
  first: { path: string; kind: Example["kind"] },
  path: string,
  { kind, origin }: Example,
): void {
  if (FAMILY[first.kind] === FAMILY[kind]) return;
  throw new AttuneError({
    code: "run.mixed-data",
    place: describeOrigin(origin),
    problem: `${path === first.path ? "its earlier rows have" : `${first.path} has`} ${FAMILY[first.kind]}, and this row ${FAMILY[kind]}: one run learns one of them`,
    wayOut: "Write a recipe for each",
  });
}

function textOf(example: Example): string {
  switch (example.kind) {
    case "text":
      return example.text;
    case "completion":
      return `${example.prompt}\n${example.completion}`;
    case "tokens":
      return example.tokens.join(" ");
    default: {
      const { messages, ...rest } = example;
      const own = "chosen" in rest ? [rest.chosen, rest.rejected] : "answer" in rest ? [rest.answer] : [];
      return [...messages, ...own].map(contentOf).join("\n");
    }
  }
}

const contentOf = ({ content }: { content?: unknown }): string =>
  typeof content === "string"
    ? content
    : content === undefined || content === null
      ? ""
      : JSON.stringify(content);

const MOST_LABELS = 20;
const LABEL_LENGTH = 40; // characters

function countAnswer(answers: Map<string, number>, example: Example): void {
  if (answers.size > MOST_LABELS) return; // they are many
  const answer =
    example.kind === "completion"
      ? example.completion
      : example.kind === "conversation"
        ? contentOf(example.messages.at(-1) ?? {})
        : undefined;
  if (answer === undefined) return;
  const key = answer.trim().length <= LABEL_LENGTH ? answer.trim() : `${answers.size}: too long`;
  answers.set(key, (answers.get(key) ?? 0) + 1);
}

/** Few answers that come again and again are labels. */
function labelsOf(answers: ReadonlyMap<string, number>, rows: number): { labels?: string[] } {
  const isFew = answers.size > 1 && answers.size <= MOST_LABELS && rows >= OFTEN * answers.size;
  return isFew && ![...answers.keys()].some((key) => key.endsWith(": too long"))
    ? { labels: [...answers.keys()].sort() }
    : {};
}

const OFTEN = 5; // rows a label, on average
