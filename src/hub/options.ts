import { type Connection, DEFAULT_TUNING, type Tuning } from "./connection.ts";
import type { HubProgress } from "./progress.ts";
import type { Repo } from "./repo.ts";
import type { Environment, HubSettings } from "./settings.ts";

/** What callers of the hub may say. */
export interface HubOptions {
  onProgress?: (progress: HubProgress) => void;
  /** Something odd that does not stop the work, such as using the cache because the hub is out of reach. */
  onWarning?: (text: string) => void;
  /** Aborting rejects with the signal's reason; what is there stays for the next time. */
  signal?: AbortSignal;
  /** Where HF_ENDPOINT, HF_TOKEN and the like are read; process.env when left out. */
  env?: Environment;
  tuning?: Partial<Tuning>;
}

export function connect({ source }: Repo, settings: HubSettings, options: HubOptions): Connection {
  const { endpoint, token } = source === "modelscope" ? settings.modelScope : settings;
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  return { endpoint, token, secretHeaders: secrets(source, token), tuning, signal: options.signal };
}

/** ModelScope's own client sends its token as a cookie, its API takes it as a bearer too. */
function secrets(source: Repo["source"], token: string | undefined): Record<string, string> {
  if (token === undefined) return {};
  const authorization = `Bearer ${token}`;
  return source === "modelscope" ? { authorization, cookie: `m_session_id=${token}` } : { authorization };
}
