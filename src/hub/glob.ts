/** Shell patterns as fsspec reads them (fsspec/utils.py glob_translate). */
import { AttuneError } from "../text/errors.ts";

/** @throws AttuneError for "**" beside other characters, as fsspec. */
export function globToRegExp(pattern: string): RegExp {
  const parts = pattern.split("/");
  const last = parts.length - 1;
  const source = parts.map((part, i) => {
    if (part === "*") return i < last ? "[^/]+/" : "[^/]+";
    if (part === "**") return i < last ? "(?:.+/)?" : ".*";
    if (part.includes("**"))
      throw new AttuneError(`The pattern ${JSON.stringify(pattern)} has "**" beside other characters.`);
    return translate(part) + (i < last ? "/" : "");
  });
  return new RegExp(`^${source.join("")}$`, "s");
}

/** One component: `*`, `?`, `[abc]`, `[!abc]`; runs of stars were refused above. */
function translate(part: string): string {
  return part.replace(
    /\[(!?)(\]?[^\]]*)\]|[\s\S]/g,
    (all, not: string | undefined, set: string | undefined) => {
      if (set !== undefined && set !== "") return `[${not ? "^/" : ""}${set.replace(/[\\\]^[]/g, "\\$&")}]`;
      if (all === "*") return "[^/]*";
      if (all === "?") return "[^/]";
      return all.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    },
  );
}
