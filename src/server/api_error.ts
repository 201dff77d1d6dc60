import { PROMPT_TOO_LONG } from "../generation/generate.ts";
import { AttuneError } from "../text/errors.ts";

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

/** The fault of anything that was thrown: what isn't the client's is said without its inside. */
export function faultOf(error: unknown): ApiFault {
  if (error instanceof ApiError) return error.fault;
  if (error instanceof AttuneError && !error.code.startsWith(OWN_FAILURES))
    return { status: 400, message: error.message, reason: OWN_CODES[error.code] ?? error.code };
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
