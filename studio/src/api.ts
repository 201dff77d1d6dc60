/** The server's API, of the page's own origin. */
export interface Failure {
  status?: number;
  code?: string;
  message: string;
}

export class ApiFailure extends Error implements Failure {
  readonly status: number;
  readonly code?: string;

  constructor(status: number, { message, code }: { message: string; code?: string }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const KEY = "attune-api-key";

/** Kept until the tab is closed. */
export const setKey = (key: string): void => sessionStorage.setItem(KEY, key);
export const hasKey = (): boolean => sessionStorage.getItem(KEY) !== null;
export const forgetKey = (): void => sessionStorage.removeItem(KEY);

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => ask(path, { signal });

export const post = <T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> =>
  ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export function upload<T>(file: File): Promise<T> {
  const form = new FormData();
  form.append("purpose", "fine-tune");
  form.append("file", file);
  return ask("/v1/files", { method: "POST", body: form });
}

export const remove = <T>(path: string): Promise<T> => ask(path, { method: "DELETE" });

/** Saves what `path` answers as a file; with a key, which a link can't send, it is read first. */
export async function download(path: string, name: string): Promise<void> {
  const url = hasKey() ? URL.createObjectURL(await (await send(path, {})).blob()) : path;
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  if (url !== path) setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const response = await send(path, init);
  return (await response.json()) as T;
}

/** @throws ApiFailure */
export async function send(path: string, init: RequestInit): Promise<Response> {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...init.headers, ...(key !== null && { authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  throw new ApiFailure(response.status, body?.error ?? { message: `${response.status}` });
}

export const failureOf = (error: unknown): Failure =>
  error instanceof ApiFailure ? error : { message: error instanceof Error ? error.message : String(error) };

export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";
