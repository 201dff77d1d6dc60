import { readTools as readRowTools } from "../data/formats/tools.ts";
import { readTextFile } from "../files/json_file.ts";
import type { Tool } from "../templates/message.ts";
import { AttuneError } from "../text/errors.ts";
import { parseJson } from "../text/exact_json.ts";
import { excerpt } from "../text/excerpt.ts";
import { isPlainObject } from "../text/plain_object.ts";

const LIMIT = 16 * 2 ** 20; // bytes

/**
 * Functions that the assistant may call: a JSON list of them, as OpenAI's `tools`, or an object with that list below `tools`.
 * They are read as those of a row of data, literals as they are spelt.
 * @throws AttuneError that names the file, and the tool at fault.
 */
export async function readToolsFile(path: string): Promise<Tool[]> {
  const value = parse(await readTextFile(path, LIMIT), path);
  const list = isPlainObject(value) && "tools" in value ? value.tools : value;
  if (!Array.isArray(list) || list.length === 0)
    throw new AttuneError({
      code: "cli.tools-not-listed",
      place: path,
      expected: "a list of tools, as OpenAI's tools have it",
      got: excerpt(value),
    });
  try {
    return readRowTools({ tools: list }).tools!;
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw new AttuneError({ code: "cli.wrong-tool", place: path, problem: error.message }, { cause: error });
  }
}

function parse(text: string, path: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new AttuneError({
      code: "cli.tools-not-json",
      place: path,
      problem: `not valid JSON: ${(error as Error).message}`,
    });
  }
}
