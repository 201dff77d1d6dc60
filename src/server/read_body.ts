import type * as z from "zod";
import { describeFault, type Fault } from "../text/errors.ts";
import { isPlainObject } from "../text/plain_object.ts";
import { schemaFaults } from "../text/schema_faults.ts";
import { ApiError } from "./api_error.ts";

/**
 * A request's JSON body, checked.
 * @throws ApiError that names the parameter at fault.
 */
export async function readBody<T extends z.ZodType>(
  request: Request,
  schema: T,
  limit: number,
): Promise<z.output<T>> {
  requireJson(request);
  const body = parse(new TextDecoder().decode(await readBytes(request, limit)));
  const result = schema.safeParse(withoutNulls(body), { reportInput: true });
  if (result.success) return result.data;
  throw wrongParameter(result.error.issues);
}

/** A browser's page can send other types to any server without asking it first. */
function requireJson(request: Request): void {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return;
  throw new ApiError({
    status: 400,
    message: `Unsupported content type: ${type ?? "none"}. This API expects 'application/json'.`,
    reason: "unsupported_content_type",
  });
}

/** What is packed may be far larger than it looks. */
function requirePlain({ headers }: Request): void {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return;
  throw new ApiError({
    status: 415,
    message: `Unsupported content encoding: ${encoding}. Send the body as it is.`,
    reason: "unsupported_content_encoding",
  });
}

const tooLarge = (limit: number) =>
  new ApiError({
    status: 413,
    message: `The request is too large: at most ${limit} bytes are read.`,
    reason: "request_too_large",
  });

/** Reads no more than `limit` bytes, whatever the headers say. */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  requirePlain(request);
  if (Number(request.headers.get("content-length")) > limit) throw tooLarge(limit);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > limit) throw tooLarge(limit);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parse(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError({
      status: 400,
      message: "The body of the request is not valid JSON.",
      reason: "invalid_json",
    });
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw new ApiError({
    status: 400,
    message: "The body of the request must be a JSON object.",
    reason: "invalid_json",
  });
}

/** Clients send null for what they leave out, within settings too; what is somebody's own stays as it is. */
function withoutNulls(body: Record<string, unknown>, depth = 0): Record<string, unknown> {
  const isLooked = (key: string) => depth < DEEPEST && !OWN.has(key);
  const entries = Object.entries(body).filter(([, value]) => value !== null);
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      isPlainObject(value) && isLooked(key) ? withoutNulls(value, depth + 1) : value,
    ]),
  );
}

const DEEPEST = 4; // method.supervised.hyperparameters.n_epochs

/** Keys whose objects are not the API's: schemas, recipes, variables. */
const OWN = new Set(["schema", "recipe", "columns", "metadata", "chat_template_kwargs"]);

function wrongParameter(issues: readonly z.core.$ZodIssue[]): ApiError {
  const [{ place: param = "", ...fault }] = schemaFaults(issues, "server.parameter") as [Fault];
  if (fault.problem === "unknown key")
    return parameterError(param, "unknown_parameter", {
      message: `Unknown parameter: '${param}'. What is not served is refused, as it would change the answer.`,
    });
  if (fault.problem === "missing")
    return parameterError(param, "missing_required_parameter", {
      message: `Missing required parameter: '${param}'.`,
    });
  return parameterError(param, "invalid_value", {
    message: `Invalid value for '${param}': ${describeFault(fault)}.`,
  });
}

/** A parameter with a value that isn't one of those `expected`. */
export const invalidValue = (param: string, expected: string, got: unknown): ApiError =>
  parameterError(param, "invalid_value", {
    message: `Invalid value for '${param}': expected ${expected}; got ${JSON.stringify(got)}.`,
  });

/** The fault of a parameter. */
export const parameterError = (param: string, reason: string, { message }: { message: string }): ApiError =>
  new ApiError({ status: 400, message, param, reason });
