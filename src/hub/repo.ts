/** Names of models and data sets on a hub: `org/name` or `name`, with `@revision`, with `modelscope:` before it. */
import { AttuneError } from "../text/errors.ts";

export interface Repo {
  source: "huggingface" | "modelscope";
  kind: "model" | "dataset";
  /** `org/name`, or `name` alone for the oldest models of the Hugging Face hub. */
  id: string;
  /** A branch, a tag or a commit; undefined is the default branch (`main`, on ModelScope `master`). */
  revision: string | undefined;
}

const PREFIX = "modelscope:";

/**
 * @param useModelScope what a name without prefix means (USE_MODELSCOPE_HUB=1).
 * @throws AttuneError when the name cannot be a hub's, by huggingface_hub's rules (utils/_validators.py).
 */
export function parseRepo(name: string, kind: Repo["kind"], useModelScope: boolean): Repo {
  const source = name.startsWith(PREFIX) || useModelScope ? "modelscope" : "huggingface";
  const bare = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
  const at = bare.indexOf("@");
  const id = at < 0 ? bare : bare.slice(0, at);
  const revision = at < 0 ? undefined : bare.slice(at + 1);
  const problem = idProblem(id, source) ?? (revision === undefined ? undefined : revisionProblem(revision));
  if (problem)
    throw new AttuneError({
      code: "hub.wrong-name",
      place: JSON.stringify(name),
      problem: `this is not the name of a ${kind} on a hub: ${problem}`,
    });
  return { source, kind, id, revision };
}

/** Whether `name` may be a hub's and is not written like a path (`./x`, `a/b/c`, `C:\x`). */
export function looksLikeHubName(name: string): boolean {
  if (name.startsWith(PREFIX)) return true;
  return idProblem(name.split("@", 1)[0]!, "huggingface") === undefined;
}

function idProblem(id: string, source: Repo["source"]): string | undefined {
  if (/^https?:/.test(id)) return "expected `org/name`, not a web address";
  const parts = id.split("/");
  if (parts.length > 2) return "expected `org/name`, with one slash at most";
  if (source === "modelscope" && parts.length !== 2) return "ModelScope's names are `org/name`";
  const bad = parts.find((part) => !/^\w([\w.-]{0,94}\w)?$/.test(part));
  if (bad !== undefined)
    return `${JSON.stringify(bad)} may have only letters, digits, "-", "_", "." (not at its ends) and 96 of them`;
  if (/--|\.\./.test(id)) return '"--" and ".." are not allowed';
  if (id.endsWith(".git")) return 'it may not end with ".git"';
}

/** Revisions become file names in the cache's `refs/`. */
function revisionProblem(revision: string): string | undefined {
  const fine = revision.length <= 200 && revision.split("/").every((part) => /^\w[\w.+-]*$/.test(part));
  if (!fine || revision.includes("..")) return `${JSON.stringify(revision)} cannot be a revision`;
}

/** Where a file of the Hugging Face hub, or of a mirror of it, lies at one commit. */
export function hubFileUrl(
  endpoint: string,
  { kind, id }: Pick<Repo, "kind" | "id">,
  { commit, path }: { commit: string; path: string },
): string {
  const prefix = kind === "dataset" ? "datasets/" : "";
  return `${endpoint}/${prefix}${id}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** The name as a user writes it. */
export const repoName = ({ source, id, revision }: Repo): string =>
  `${source === "modelscope" ? PREFIX : ""}${id}${revision === undefined ? "" : `@${revision}`}`;
