/** A hub's files, for a page, which fetches them from where they are. */
import * as z from "zod";
import { fetchBlob } from "../files/fetch_file.ts";
import { AttuneError } from "../text/errors.ts";
import { selectModelFiles } from "./model_files.ts";
import { hubFileUrl, parseRepo } from "./repo.ts";
import { unknownAnswer } from "./unknown_answer.ts";

export interface HubFilesOptions {
  /** Another hub's address, such as a mirror's; https://huggingface.co when left out. */
  endpoint?: string;
  signal?: AbortSignal;
}

const Listing = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.object({ rfilename: z.string() })),
});

/** What a tokenizer is converted from: tokenizer.json says the same. */
const CONVERTED = /^(vocab\.(json|txt)|merges\.txt|tokenizer\.model|spiece\.model)$/;

/**
 * Where the files of a model or of an adapter are, by their names: what `openBase` and `readAdapter` take. Only the list is
 * asked for.
 * @param name `org/name`, or `org/name@revision`; of a gated one a page gets no files.
 * @throws AttuneError when the hub has no such model, or none in safetensors.
 */
export async function hubFiles(
  name: string,
  { endpoint = "https://huggingface.co", signal }: HubFilesOptions = {},
): Promise<Record<string, URL>> {
  const repo = parseRepo(name, "model", false);
  const { source, id, revision = "main" } = repo;
  if (source === "modelscope") throw onlyOneHub(name);
  const asked = new URL(`${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}`);
  const { sha: commit, siblings } = await readListing(await fetchBlob(asked, name, { signal }), asked);
  const paths = selectModelFiles(
    siblings.map(({ rfilename }) => rfilename).filter((path) => !CONVERTED.test(path)),
    name,
  );
  const urlOf = (path: string) => new URL(hubFileUrl(endpoint, repo, { commit, path }));
  return Object.fromEntries(paths.map((path) => [path, urlOf(path)]));
}

async function readListing(answer: Blob, { href }: URL): Promise<z.output<typeof Listing>> {
  try {
    return Listing.parse(JSON.parse(await answer.text()), { reportInput: true });
  } catch (error) {
    throw unknownAnswer({ place: href, wayOut: "Is it a hub's address?" }, error);
  }
}

const onlyOneHub = (name: string): AttuneError =>
  new AttuneError({
    code: "hub.not-for-pages",
    place: name,
    problem: "ModelScope's files can't be listed from a page",
    wayOut: "Name a model of the Hugging Face hub, or give the files",
  });
