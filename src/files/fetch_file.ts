import { AttuneError } from "../text/errors.ts";

export interface FetchOptions {
  /** Called while a file comes from its address. */
  onProgress?: (progress: FetchProgress) => void;
  signal?: AbortSignal;
}

export interface FetchProgress {
  file: string;
  /** Bytes. */
  loaded: number;
  /** Bytes, where the server says how many. */
  total?: number;
}

/**
 * Fetches a file whole, into a Blob, which a browser may keep on its disk.
 * @param file what messages and progress call it
 * @throws AttuneError that names the address; the signal's reason.
 */
export async function fetchBlob(url: URL, file: string, options: FetchOptions = {}): Promise<Blob> {
  const response = await fetchFile(url, file, options);
  return explained(response.blob(), url, file, options);
}

/** The same, for who reads its body: what is read of it is told as progress. */
export async function fetchFile(url: URL, file: string, options: FetchOptions = {}): Promise<Response> {
  const { onProgress, signal } = options;
  const response = await explained(fetch(url, { signal }), url, file, options);
  if (!response.ok) throw notFetched(url, file, `the server answered ${response.status}`, ASK_ANOTHER_WAY);
  requireNoPage(response, url, file);
  return onProgress ? counting(response, file, onProgress) : response;
}

/** What a browser says of a connection that fails is short. */
async function explained<T>(work: Promise<T>, url: URL, file: string, { signal }: FetchOptions): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal?.throwIfAborted();
    throw notFetched(url, file, (error as Error).message, ALLOW_IT, error);
  }
}

function counting(
  response: Response,
  file: string,
  onProgress: NonNullable<FetchOptions["onProgress"]>,
): Response {
  const length = Number(response.headers.get("content-length")) || undefined;
  let loaded = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      loaded += chunk.length;
      const isCompressed = length !== undefined && loaded > length; // the length is then of what was sent
      onProgress({ file, loaded, total: isCompressed ? undefined : length });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body?.pipeThrough(count as TransformStream), { headers: response.headers });
}

/** Servers of one-page applications answer each address that they don't know with their page. */
function requireNoPage(response: Response, url: URL, file: string): void {
  if (!response.headers.get("content-type")?.startsWith("text/html")) return;
  throw notFetched(url, file, "the server sent a page of HTML in its place", ASK_ANOTHER_WAY);
}

const ASK_ANOTHER_WAY =
  "Check the address; what needs an account has to be downloaded first, and given as a file";
const ALLOW_IT = "Check the connection; a server of another site has to allow it (CORS)";

const notFetched = (url: URL, file: string, why: string, wayOut: string, cause?: unknown): AttuneError =>
  new AttuneError(
    {
      code: "files.not-fetched",
      place: file,
      problem: `${url.href.slice(0, 200)} can't be fetched: ${why}`,
      wayOut,
    },
    { cause },
  );
