import type { Sent } from "./client_types.ts";

type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What each route sends, by the name of its type; of those that stream, the whole and its pieces. */
const ROUTES: readonly (readonly [RegExp, string, string?])[] = [
  [/^GET .*\/models$/, "ModelList"],
  [/^GET .*\/models\/.+/, "Model"],
  [/^DELETE .*\/models\/.+/, "ModelDeleted"],
  [/^POST .*\/chat\/completions$/, "Chat", "ChatChunk"],
  [/^POST .*\/v1\/completions$/, "Completion", "CompletionChunk"],
  [/^POST .*\/responses$/, "SentResponse", "ResponseEvent"],
  [/^GET .*\/files$/, "FileList"],
  [/^(POST .*\/files|GET .*\/files\/[^/]+)$/, "FileObject"],
  [/^DELETE .*\/files\/[^/]+$/, "FileDeleted"],
  [/^GET .*\/fine_tuning\/jobs$/, "JobList"],
  [/^GET .*\/jobs\/[^/]+\/events$/, "EventList"],
  [/^GET .*\/jobs\/[^/]+\/checkpoints$/, "CheckpointList"],
  [/^(GET|POST) .*\/fine_tuning\/jobs/, "Job"],
];

/** A `fetch` that keeps all that comes back as JSON, each with its type. */
export function recordSent(fetch: Fetch): { fetch: Fetch; sent(): Promise<Sent[]> } {
  const reading: Promise<Sent[]>[] = [];
  return {
    async fetch(url, init) {
      const request = new Request(url, init);
      const route = `${request.method} ${new URL(request.url).pathname}`;
      const response = await fetch(request);
      reading.push(sentBy(route, response.clone()));
      return response;
    },
    sent: async () => (await Promise.all(reading)).flat(),
  };
}

async function sentBy(route: string, response: Response): Promise<Sent[]> {
  const kind = response.headers.get("content-type") ?? "";
  if (!response.ok) return [{ type: "Failure", value: await response.json() }];
  if (!/json|event-stream/.test(kind)) return [];
  const [, whole, piece] = ROUTES.find(([pattern]) => pattern.test(route)) ?? [];
  if (whole === undefined) throw new Error(`no type is known of ${route}`);
  if (kind.includes("json")) return [{ type: whole, value: await response.json() }];
  return eventsOf(await response.text()).map((value) => ({
    type: isFailure(value) ? "Failure" : piece!,
    value,
  }));
}

const eventsOf = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: ") && line !== "data: [DONE]")
    .map((line) => JSON.parse(line.slice("data: ".length)));

const isFailure = (value: unknown) =>
  typeof value === "object" && value !== null && "error" in value && !("object" in value);
