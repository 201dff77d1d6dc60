import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import packageJson from "../../../package.json" with { type: "json" };
import { diskError } from "../../files/disk_error.ts";
import type { TemplatePlan } from "../../templates/template.ts";
import type { TokenizePlan } from "./tokenize_plan.ts";

/** Another release may make other tokens of the same data; between releases, another number says so. */
const VERSION = `${packageJson.version}-3`;

/** Where rows come from. */
export interface DataSource {
  /** Data files, in the order in which they are read. */
  files: readonly string[];
  /** Format, columns, task, weight: everything that decides how these files become examples. Plain data. */
  settings: unknown;
}

/**
 * Name of what `plan` makes of the data: SHA-256, hexadecimal, of everything that decides it. Files count by their
 * names (rows are reported by them) and their content, read here from beginning to end; their dates don't count.
 * @throws AttuneError when a file can't be read.
 */
export async function cacheKey(sources: readonly DataSource[], plan: TokenizePlan): Promise<string> {
  const data = [];
  for (const { files, settings } of sources) {
    const content = [];
    for (const file of files) content.push([file, await hashFile(file)]);
    data.push({ content, settings });
  }
  return hashJson({ version: VERSION, data, ...plan, template: templateKey(plan.template) });
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const part of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(part);
  } catch (error) {
    throw diskError(error, "read", path);
  }
  return hash.digest("hex");
}

const hashJson = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** A template that writes the date is another every day; one that may write the time, every time. */
function templateKey({ name, sources, variables, now }: TemplatePlan): unknown {
  const source = `${sources?.default ?? ""}${sources?.tool_use ?? ""}`;
  return { name, sources, variables, now: source.includes("strftime_now") ? dateOrTime(source, now) : null };
}

function dateOrTime(source: string, now: Date): string {
  const day = [now.getFullYear(), now.getMonth(), now.getDate()].join("-"); // local time, as templates write it
  const formats = [
    ...source.matchAll(
      /strftime_now\s*\(\s*(["'])((?:%[-_0^#]*\d*[YyCGgmdejVUWuwBbhAaDFxnt%]|[^%'"\\])*)\1\s*\)/g,
    ),
  ];
  const datesOnly = formats.length === source.split("strftime_now").length - 1;
  return datesOnly ? day : now.toISOString();
}
