import { AttuneError } from "../../text/errors.ts";
import type { Example, UnusableRow } from "../example.ts";

/**
 * What `read` finds in each of a dataset's files.
 * @param name of the dataset, as the user wrote it
 * @throws AttuneError when there is no row in any.
 */
export async function* readDataFiles(
  name: string,
  files: readonly string[],
  read: (file: string) => AsyncIterable<Example | UnusableRow>,
): AsyncGenerator<Example | UnusableRow> {
  let isEmpty = true;
  for (const file of files)
    for await (const example of read(file)) {
      isEmpty = false;
      yield example;
    }
  if (isEmpty) throw new AttuneError({ code: "data.empty", place: name, problem: "the dataset is empty" });
}
