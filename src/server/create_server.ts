import { Hono } from "hono";
import { type AdapterLoading, loadAdapter, type NamesLoading, unloadAdapter } from "./adapters.ts";
import { ApiError, errorResponse, faultOf } from "./api_error.ts";
import { chatCompletions } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import { checkRequest, corsHeaders, type GuardOptions } from "./guard.ts";
import type { FineTuning } from "./jobs/fine_tuning.ts";
import { createQueue } from "./queue.ts";
import { responses } from "./responses.ts";
import { modelObject, type ServedModels } from "./served_models.ts";
import type { ServerState } from "./server_state.ts";
import type { Page } from "./studio/page.ts";
import type { Studio } from "./studio/studio_routes.ts";

export interface ServerOptions extends GuardOptions {
  models: ServedModels;
  /** Loads and unloads adapters, where clients may. */
  adapters?: AdapterLoading;
  /** Files and fine-tuning jobs, where there is a place for them. */
  fineTuning?: FineTuning;
  /** What the studio asks beyond OpenAI's API. */
  studio?: Studio;
  /** The studio itself, at /. It holds nothing secret: no key is asked for it. */
  page?: Page;
  /** Requests that may wait for their turn; 64 when left out. */
  maxWaiting?: number;
  /** Bytes of a JSON body at most; 8 MiB when left out. */
  bodyLimit?: number;
  /** Gets failures that are the server's own. */
  onError?: (error: unknown) => void;
}

/** An OpenAI-compatible API as a function: it needs no port. */
export interface Server {
  fetch(request: Request): Promise<Response>;
  /** Takes no more requests; resolves when those taken are answered. */
  close(): Promise<void>;
}

/** Requests answered at a time, of all models: a model reads as many side by side. */
const SIDE_BY_SIDE = 16;

export function createServer({
  models,
  maxWaiting = 64,
  bodyLimit = 8 << 20,
  ...options
}: ServerOptions): Server {
  const { onError = () => {}, cors, fineTuning, studio, page } = options;
  const state: ServerState = {
    models,
    queue: createQueue(maxWaiting, SIDE_BY_SIDE),
    bodyLimit,
    onError,
  };
  const app = endpoints(state);
  const { adapters } = options;
  if (adapters) {
    const loading: NamesLoading = new Set();
    app.post("/v1/load_lora_adapter", (c) => loadAdapter(c.req.raw, state, adapters, loading));
    app.post("/v1/unload_lora_adapter", (c) => unloadAdapter(c.req.raw, state, adapters));
  }
  app.delete("/v1/models/:id{.+}", (c) => deleteModel(c.req.param("id"), models, fineTuning));
  fineTuning?.mount(app);
  studio?.mount(app);
  return {
    async fetch(request) {
      const response = await answer(request);
      const headers = corsHeaders(request.headers.get("origin"), cors);
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
      return response;
    },
    async close() {
      await Promise.all([state.queue.close(), fineTuning?.close(), studio?.close()]);
    },
  };

  async function answer(request: Request): Promise<Response> {
    try {
      const isPreflight =
        request.method === "OPTIONS" && request.headers.has("access-control-request-method");
      const file = page?.answer(request);
      checkRequest(request, { ...options, ...((isPreflight || file) && { apiKey: undefined }) });
      if (file) return file;
      return isPreflight ? new Response(null, { status: 204 }) : await app.fetch(request);
    } catch (error) {
      if (request.signal.aborted) return new Response(null, { status: CLIENT_LEFT });
      return failed(error, onError);
    }
  }
}

function endpoints(state: ServerState): Hono {
  const app = new Hono();
  app.get("/v1/models", () => Response.json({ object: "list", data: state.models.list().map(modelObject) }));
  app.get("/v1/models/:id{.+}", (c) => Response.json(modelObject(state.models.find(c.req.param("id")))));
  app.post("/v1/chat/completions", (c) => chatCompletions(c.req.raw, state));
  app.post("/v1/completions", (c) => completions(c.req.raw, state));
  app.post("/v1/responses", (c) => responses(c.req.raw, state));
  app.notFound(({ req }) => notFound(app, req));
  app.onError((error) => {
    throw error;
  });
  return app;
}

/** DELETE /v1/models/ID, of what a job has made. */
async function deleteModel(id: string, models: ServedModels, fineTuning?: FineTuning): Promise<Response> {
  const { id: found } = models.find(id);
  if (await fineTuning?.removeModel(found))
    return Response.json({ id: found, object: "model", deleted: true });
  throw new ApiError({
    status: 400,
    message: `The model '${found}' can't be deleted: no fine-tuning job has made it.`,
    param: "model",
    reason: "invalid_value",
  });
}

/** What nginx logs; nobody reads it. */
const CLIENT_LEFT = 499;

function failed(error: unknown, onError: (error: unknown) => void): Response {
  const fault = faultOf(error);
  if (fault.status === 500) onError(error);
  return errorResponse(fault);
}

/** A path that is there with other methods is another fault than one that isn't. */
function notFound({ router }: Hono, { method, path }: { method: string; path: string }): Response {
  const found = ["GET", "POST", "DELETE"].filter((one) => router.match(one, path)[0].length > 0);
  if (found.length === 0) return errorResponse(unknownUrl(method, path).fault);
  const allow = found.flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one])).join(", ");
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  return errorResponse(wrongMethod(method, path, allow).fault);
}

const wrongMethod = (method: string, path: string, allow: string) =>
  new ApiError({
    status: 405,
    message: `${path} has no method ${method}: it has ${allow}.`,
    reason: "method_not_supported",
    headers: { allow },
  });

const unknownUrl = (method: string, path: string) =>
  new ApiError({ status: 404, message: `Unknown request URL: ${method} ${path}.`, reason: "unknown_url" });
