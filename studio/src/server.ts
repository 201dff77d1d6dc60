import { type Failure, failureOf, forgetKey, get, hasKey, setKey } from "./api.ts";
import type { About, List, Model } from "./api_types.ts";
import { createStore } from "./store.ts";

/** The server as this page knows it. */
export interface Server {
  about?: About;
  models: Model[];
  /** It asks for a key; `isWrong` where the one that was given isn't it. */
  needsKey?: { isWrong: boolean };
  failure?: Failure;
}

export const server = createStore<Server>({ models: [] });

export async function loadServer(): Promise<void> {
  try {
    const about = await get<About>("/attune/about");
    server.set({ about, needsKey: undefined, failure: undefined });
    await loadModels();
  } catch (error) {
    const failure = failureOf(error);
    if (failure.status !== 401) return server.set({ failure });
    server.set({ needsKey: { isWrong: hasKey() } });
    forgetKey();
  }
}

export async function loadModels(): Promise<void> {
  const { data } = await get<List<Model>>("/v1/models");
  server.set({ models: data });
}

export async function giveKey(key: string): Promise<void> {
  setKey(key);
  await loadServer();
}

/** The model that jobs begin from. */
export const baseOf = ({ models }: Server): Model | undefined => models.find(({ parent }) => !parent);
