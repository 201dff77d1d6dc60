import { fitModel, type OpenModel } from "./fit_model.ts";
import { type OpenDirectoryOptions, openModelDirectory } from "./model_directory.ts";

export type { OpenModel } from "./fit_model.ts";

/**
 * Opens a model directory and checks that its config and its weights fit together.
 * @throws AttuneError that names the file and the key or tensor at fault.
 */
export const openModel = async (path: string, options?: OpenDirectoryOptions): Promise<OpenModel> =>
  fitModel(await openModelDirectory(path, options), path);
