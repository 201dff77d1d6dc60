/** What is wrong with a recipe, key by key, and what was likely meant. */
import type * as z from "zod";
import { adapterKeys, meantAdapter } from "../adapters/adapter_schema.ts";
import type { Fault } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import { keyPath, schemaFaults } from "../text/schema_faults.ts";
import { schemaKeys } from "../text/schema_keys.ts";
import { foreignKey, plainKey } from "./foreign_keys.ts";

type Issue = z.core.$ZodIssue;
type Levels = ReturnType<typeof schemaKeys>;

/** The faults that `schema` finds in `value`, whose `issues` these are. */
export function recipeFaults(issues: readonly Issue[], value: unknown, schema: z.ZodType): Fault[] {
  return issues.flatMap((issue) => faultsOf(issue, value, schemaKeys(schema)));
}

function faultsOf(issue: Issue, value: unknown, levels: Levels): Fault[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      code: "training.unknown-key",
      place: keyPath(issue.path, key),
      problem: `unknown key${hintOf(issue.path, key, value, levels)}`,
    }));
  if (issue.code === "invalid_union" && issue.path.join() === "adapter")
    return adapterFaults(adapterOf(value), value, levels);
  const faults = schemaFaults([issue], "training.invalid-value");
  return faults.map((fault) => ({ ...fault, place: fault.place || "recipe" }));
}

const adapterOf = (value: unknown) => (value as { adapter: unknown }).adapter;

/** A union's own error lists every branch; the one that was meant says more. */
function adapterFaults(adapter: unknown, value: unknown, levels: Levels): Fault[] {
  const { issues } = meantAdapter(adapter).safeParse(adapter, { reportInput: true }).error!;
  const faults = issues.flatMap((issue) =>
    faultsOf({ ...issue, path: ["adapter", ...issue.path] }, value, levels),
  );
  if (typeof adapter !== "string") return faults;
  return faults.map((fault) => ({ ...fault, wayOut: "Write { type: lora } or { path: … }" }));
}

function hintOf(path: readonly PropertyKey[], key: string, value: unknown, levels: Levels): string {
  const level = path.filter((part) => typeof part !== "number").join(".");
  if (level === "adapter" && adapterKeys.includes(key)) return notOfThisKind(key, adapterOf(value));
  const known = keysAt(level, value, levels);
  const same = known.find((one) => plainKey(one) === plainKey(key));
  if (same) return `; did you mean ${same}?`;
  const foreign = foreignKey(level, key);
  if (foreign && "reason" in foreign) return `: ${foreign.reason}`;
  if (foreign) return `; attune calls it ${foreign.key}${foreign.note ? ` (${foreign.note})` : ""}`;
  const near = nearest(key, known);
  if (near) return `; did you mean ${near}?`;
  const elsewhere = [...levels].flatMap(([other, keys]) =>
    keys.filter((one) => plainKey(one) === plainKey(key)).map((one) => keyPath(other ? [other] : [], one)),
  );
  return elsewhere.length === 1 ? `; did you mean ${elsewhere[0]}?` : "";
}

/** Of a union's keys those of the branch that was meant. */
function keysAt(level: string, value: unknown, levels: Levels): readonly string[] {
  if (level !== "adapter") return levels.get(level) ?? [];
  return [...new Set([...Object.keys(meantAdapter(adapterOf(value)).shape), "path"])];
}

function notOfThisKind(key: string, adapter: unknown): string {
  const { shape } = meantAdapter(adapter);
  if ("path" in shape) return ` beside path: an adapter that goes on keeps its own ${key}`;
  return ` of ${(adapter as { type: string }).type}`;
}
