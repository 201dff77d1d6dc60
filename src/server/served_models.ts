import type { LoadedModel } from "../generation/load_model.ts";
import { ApiError } from "./api_error.ts";

/** What the server asks of a model. */
export type Speaker = Pick<LoadedModel, "chat" | "complete" | "readPrompt" | "template" | "tokenizer">;

/** A model as clients know it: a base, or an adapter on it. */
export interface ServedModel {
  id: string;
  speaker: Speaker;
  /** null for the base alone. */
  adapter: string | null;
  /** Variables of the chat template, where a request gives none. */
  chatTemplateKwargs?: Readonly<Record<string, unknown>>;
  /** Seconds since 1970. */
  created: number;
  /** The base's id, of an adapter. */
  parent?: string;
}

/** The models by their ids. */
export interface ServedModels {
  list(): ServedModel[];
  /** @throws ApiError when no model has this id. */
  find(id: string): ServedModel;
  add(model: ServedModel): void;
  remove(id: string): void;
}

export function createServedModels(models: readonly ServedModel[]): ServedModels {
  const served = new Map(models.map((model) => [model.id, model]));
  return {
    list: () => [...served.values()],
    find(id) {
      const model = served.get(id);
      if (model) return model;
      throw new ApiError({
        status: 404,
        message: `The model '${id}' does not exist. Served are: ${[...served.keys()].join(", ")}.`,
        param: "model",
        reason: "model_not_found",
      });
    },
    add: (model) => void served.set(model.id, model),
    remove: (id) => void served.delete(id),
  };
}

/** OpenAI's model object, with what vLLM adds for adapters. */
export const modelObject = ({ id, created, parent }: ServedModel) => ({
  id,
  object: "model",
  created,
  owned_by: "attune",
  ...(parent !== undefined && { parent }),
});
