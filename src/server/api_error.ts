import { EMPTY_PROMPT, PROMPT_TOO_LONG } from "../generation/generate.ts";
import { NOTHING_TO_ANSWER, TOOLS_NOT_WRITTEN } from "../generation/render_prompt.ts";
import { UNKNOWN_ADAPTER } from "../generation/variants.ts";
import { AttuneError } from "../text/errors.ts";
import { MEDIA_TOKEN } from "../tokenizers/media_tokens.ts";

/** What a client gets instead of an answer, in OpenAI's form. */
export interface ApiFault {
  status: number;
  message: string;
  /** The parameter at fault. */
  param?: string;
  /** OpenAI's code of it. */
  reason?: string;
  headers?: Readonly<Record<string, string>>;
}

export class ApiError extends Error {
  override name = "ApiError";
  readonly fault: ApiFault;

  constructor(fault: ApiFault, options?: ErrorOptions) {
    super(fault.message, options);
    this.fault = fault;
  }
}

/** OpenAI's kinds of errors by their status. */
const TYPES: Readonly<Record<number, string>> = { 429: "requests", 500: "server_error", 503: "server_error" };

/** attune's codes for what OpenAI has a code for. */
const OWN_CODES: Readonly<Record<string, string>> = { [PROMPT_TOO_LONG]: "context_length_exceeded" };

/** Codes of what is nobody's mistake: the runtime lacks memory, or its thread has ended. */
const OWN_FAILURES = "runtime.";

/** Faults of what the model is asked, wherever it stands in the request. */
const OF_PROMPT = new Set([PROMPT_TOO_LONG, EMPTY_PROMPT, NOTHING_TO_ANSWER, MEDIA_TOKEN]);

/** Other faults that are one parameter's. */
const OWN_PARAMS: Readonly<Record<string, string>> = { [TOOLS_NOT_WRITTEN]: "tools" };

/** Says of faults of what the model is asked that they are those of `param`. */
export async function aboutPrompt<T>(param: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AttuneError) || !OF_PROMPT.has(error.code)) throw error;
    throw new ApiError({ ...faultOf(error), param }, { cause: error });
  }
}

/**
 * The fault of anything that was thrown: what isn't the client's is said without its inside. An adapter that is unknown was
 * unloaded while its request waited.
 */
export function faultOf(error: unknown): ApiFault {
  if (error instanceof ApiError) return error.fault;
  if (error instanceof AttuneError && error.code === UNKNOWN_ADAPTER)
    return { status: 404, message: error.message, param: "model", reason: "model_not_found" };
  if (error instanceof AttuneError && !error.code.startsWith(OWN_FAILURES))
    return {
      status: 400,
      message: error.message,
      param: OWN_PARAMS[error.code],
      reason: OWN_CODES[error.code] ?? error.code,
    };
  return { status: 500, message: "The server had an error while it worked on this request." };
}

/** The error object that OpenAI's clients read. */
export const errorBody = ({ status, message, param, reason }: ApiFault) => ({
  error: {
    message,
    type: TYPES[status] ?? "invalid_request_error",
    param: param ?? null,
    code: reason ?? null,
  },
});

export const errorResponse = (fault: ApiFault): Response =>
  Response.json(errorBody(fault), { status: fault.status, headers: fault.headers });
