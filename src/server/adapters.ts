import * as z from "zod";
import { ApiError } from "./api_error.ts";
import { nowInSeconds } from "./new_id.ts";
import { parameterError, readBody } from "./read_body.ts";
import { modelObject, type ServedModel } from "./served_models.ts";
import type { ServerState } from "./server_state.ts";

/** Adapters that come and go while the server runs, by the requests that vLLM has for it. */
export interface AdapterLoading {
  /** The model that adapters are for. */
  base: ServedModel;
  /** Reads an adapter's directory. @throws AttuneError */
  load(name: string, path: string): Promise<void>;
  unload(name: string): Promise<void>;
}

/** Names of adapters that are being read. */
export type NamesLoading = Set<string>;

const LoadRequest = z.strictObject({ lora_name: z.string().min(1).max(200), lora_path: z.string().min(1) });
const UnloadRequest = z.strictObject({ lora_name: z.string() });

/** POST /v1/load_lora_adapter */
export async function loadAdapter(
  request: Request,
  { models, bodyLimit }: ServerState,
  { base, load }: AdapterLoading,
  loading: NamesLoading,
): Promise<Response> {
  const { lora_name: id, lora_path } = await readBody(request, LoadRequest, bodyLimit);
  if (loading.has(id) || models.list().some((model) => model.id === id))
    throw parameterError("lora_name", "invalid_value", {
      message: `A model '${id}' is served already: unload it first, or choose another name.`,
    });
  loading.add(id);
  await load(id, lora_path).finally(() => loading.delete(id));
  const served = { ...base, id, adapter: id, parent: base.id, created: nowInSeconds() };
  models.add(served);
  return Response.json(modelObject(served));
}

/** POST /v1/unload_lora_adapter */
export async function unloadAdapter(
  request: Request,
  { models, bodyLimit }: ServerState,
  { unload }: AdapterLoading,
): Promise<Response> {
  const { lora_name: id } = await readBody(request, UnloadRequest, bodyLimit);
  const { adapter } = models.find(id);
  if (adapter === null)
    throw new ApiError({
      status: 400,
      message: `'${id}' is the base, no adapter.`,
      param: "lora_name",
      reason: "invalid_value",
    });
  models.remove(id);
  await unload(adapter);
  return Response.json({ id, object: "model", deleted: true });
}
