/**
 * OpenAI's API as a function from a Request to a Response, for any server that speaks the web's standards.
 *
 * ```ts
 * const speaker = await loadModel("./model"); // from "attune"
 * const models = createServedModels([{ id: "mine", speaker, adapter: null, created: 0 }]);
 * const { fetch } = createServer({ models });
 * const { port } = await listen(fetch, { host: "127.0.0.1", port: 0 });
 * ```
 */
export type { AdapterLoading } from "./server/adapters.ts";
export { createServer, type Server, type ServerOptions } from "./server/create_server.ts";
export { type FineTuning, type FineTuningOptions, openFineTuning } from "./server/jobs/fine_tuning.ts";
export { type Listener, type ListenOptions, listen } from "./server/listen.ts";
export {
  createServedModels,
  type ServedModel,
  type ServedModels,
  type Speaker,
} from "./server/served_models.ts";
export { openPage, type Page } from "./server/studio/page.ts";
export {
  type ExportChoice,
  openStudio,
  type Studio,
  type StudioOptions,
} from "./server/studio/studio_routes.ts";
