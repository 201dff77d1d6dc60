import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { ApiError } from "./api_error.ts";

export interface GuardOptions {
  /** What a client has to send as its bearer token; anyone may ask when left out. */
  apiKey?: string;
  /** Names a request may call this machine by; any when left out. */
  hosts?: readonly string[];
  /** Whether IP addresses may be among them: no other site's name can be made to mean one. */
  addresses?: boolean;
  /** Origins whose pages may ask; "*" for all. */
  cors?: readonly string[];
}

/**
 * Lets no request through that a page of another site could send behind its reader's back.
 * @throws ApiError
 */
export function checkRequest(request: Request, options: GuardOptions): void {
  const { apiKey, hosts, addresses = false, cors = [] } = options;
  const { hostname, host } = new URL(request.url);
  if (hosts && !hosts.includes(hostname) && !(addresses && isAddress(hostname)))
    throw new ApiError({
      status: 403,
      message: `Requests to the host '${hostname}' are refused: this server is for ${hosts.join(", ")}.`,
      reason: "wrong_host",
    });
  const origin = request.headers.get("origin");
  if (origin !== null && !isSame(origin, host) && !isAllowed(origin, cors))
    throw new ApiError({
      status: 403,
      message: `Pages of ${origin} may not ask this server (--cors ${origin} would let them).`,
      reason: "wrong_origin",
    });
  if (origin === null && changesState(request) && isOfAnotherSite(request))
    throw new ApiError({
      status: 403,
      message: "Pages of other sites may not ask this server.",
      reason: "wrong_origin",
    });
  if (apiKey !== undefined) requireKey(request, apiKey);
}

const isAddress = (hostname: string) => isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;

const changesState = ({ method }: Request) => !["GET", "HEAD", "OPTIONS"].includes(method);

/** What browsers say of a request, beside its origin; programs say nothing. */
function isOfAnotherSite({ headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

export const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Headers by which a browser lets a page of `origin` read the answer. */
export function corsHeaders(origin: string | null, cors: readonly string[] = []): Record<string, string> {
  if (origin === null || !isAllowed(origin, cors)) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "*, authorization",
    "access-control-allow-methods": "GET, POST, DELETE",
    vary: "origin",
  };
}

const isAllowed = (origin: string, cors: readonly string[]) => cors.includes("*") || cors.includes(origin);

function isSame(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

function requireKey(request: Request, apiKey: string): void {
  const given = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isEqual(given, apiKey)) return;
  throw new ApiError({
    status: 401,
    message: given === undefined ? "You didn't provide an API key." : "Incorrect API key provided.",
    reason: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}

/** In the same time, wherever they differ. */
const isEqual = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));
const digest = (text: string) => createHash("sha256").update(text).digest();
