/** A name that may be a path here or a name on a hub, and the error when it is neither. */
import { stat } from "node:fs/promises";
import { missingPath } from "../files/missing_path.ts";
import { AttuneError, describeFault, partsOf } from "../text/errors.ts";
import { UnreachableError } from "./connection.ts";
import { NotFoundError } from "./explain.ts";
import { looksLikeHubName } from "./repo.ts";

/**
 * `path` itself when it is a directory; undefined when it is none but may be a name on a hub.
 * @throws AttuneError when it is a file, or written like a path that does not exist.
 */
export async function localDirectory(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return path;
  if (info)
    throw new AttuneError({
      code: "hub.not-a-directory",
      place: path,
      expected: "the directory of a model",
      got: "a file",
    });
  if (looksLikeHubName(path) || /^https?:/.test(path)) return undefined;
  throw new AttuneError({
    ...(await missingPath(path, "directory")),
    wayOut: "Check the path, or give the name of a model on the hub (org/name)",
  });
}

/** A mistyped path such as `runs/alpca` looks like a name on the hub: it is a path that is missing in the first place. */
export async function orMissing<T>(
  path: string,
  wanted: "file" | "directory",
  fromHub: () => Promise<T>,
): Promise<T> {
  try {
    return await fromHub();
  } catch (error) {
    const isNowhere = error instanceof NotFoundError || error instanceof UnreachableError;
    if (!isNowhere || !/^[\w./-]+$/.test(path)) throw error;
    const fault = await missingPath(path, wanted);
    const { place, ...refusal } = partsOf(error);
    const onHub = describeFault(place === path ? refusal : { place, ...refusal }).replace(/\.$/, "");
    throw new AttuneError({ ...fault, wayOut: `As a name on the hub: ${onHub}` }, { cause: error });
  }
}
