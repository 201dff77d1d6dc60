import { readJsonFile } from "../files/json_file.ts";
import type { Tool } from "../templates/message.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";

/**
 * Functions that the assistant may call: a JSON list of them, as OpenAI's `tools`, or an object with that list below `tools`.
 * @throws AttuneError that names the file, and the tool at fault.
 */
export async function readTools(path: string): Promise<Tool[]> {
  const value = await readJsonFile(path);
  const list = isObject(value) && "tools" in value ? value.tools : value;
  if (!Array.isArray(list) || list.length === 0)
    throw new AttuneError({
      code: "tools.no-list",
      place: path,
      expected: "a list of tools, as OpenAI's tools have it",
      got: excerpt(value),
    });
  for (const [i, tool] of list.entries()) requireTool(tool, `${path}: tool ${i + 1}`);
  return list;
}

function requireTool(tool: unknown, place: string): asserts tool is Tool {
  const own = isObject(tool) ? (isObject(tool.function) ? tool.function : tool) : {};
  if (typeof own.name === "string" && own.name !== "") return;
  throw new AttuneError({
    code: "tools.no-function",
    place,
    expected: '{ "type": "function", "function": { "name": …, "parameters": … } }',
    got: excerpt(tool),
  });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
