/** What the environment says about hubs, by the names that huggingface_hub, modelscope and LLaMA-Factory use. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AttuneError } from "../text/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HubSettings {
  /** Base address without a slash at its end: HF_ENDPOINT, https://huggingface.co. */
  endpoint: string;
  /** HF_TOKEN, HUGGING_FACE_HUB_TOKEN or the file that `hf auth login` writes. Never shown. */
  token: string | undefined;
  /** HF_HUB_CACHE, HF_HOME/hub, ~/.cache/huggingface/hub. */
  cache: string;
  /** HF_HUB_OFFLINE=1 or TRANSFORMERS_OFFLINE=1: nothing is asked of the network. */
  offline: boolean;
  /** USE_MODELSCOPE_HUB=1: names without a prefix are ModelScope's. */
  useModelScope: boolean;
  /** MODELSCOPE_ENDPOINT or MODELSCOPE_DOMAIN, MODELSCOPE_API_TOKEN, MODELSCOPE_CACHE (~/.cache/modelscope/hub). */
  modelScope: { endpoint: string; token: string | undefined; cache: string };
}

/** Source: huggingface_hub 1.33 constants.py and utils/_auth.py; modelscope 1.3x utils/file_utils.py. */
export async function readHubSettings(env: Environment = process.env): Promise<HubSettings> {
  const home = hubHome(env);
  const offline = isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
  return {
    endpoint: address(env.HF_ENDPOINT || "https://huggingface.co", "HF_ENDPOINT"),
    token: await hubToken(env, home),
    cache: expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub"), env),
    offline,
    useModelScope: isTrue(env.USE_MODELSCOPE_HUB),
    modelScope: {
      endpoint: address(modelScopeAddress(env), "MODELSCOPE_ENDPOINT"),
      token: clean(env.MODELSCOPE_API_TOKEN, "MODELSCOPE_API_TOKEN"),
      cache: expand(env.MODELSCOPE_CACHE || join(userHome(env), ".cache", "modelscope", "hub"), env),
    },
  };
}

const isTrue = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "");

const userHome = (env: Environment) => env.HOME || env.USERPROFILE || homedir();

function hubHome(env: Environment): string {
  const caches = env.XDG_CACHE_HOME || join(userHome(env), ".cache");
  return expand(env.HF_HOME || join(caches, "huggingface"), env);
}

function modelScopeAddress(env: Environment): string {
  const domain = env.MODELSCOPE_DOMAIN || "www.modelscope.cn";
  return env.MODELSCOPE_ENDPOINT || (/^https?:/.test(domain) ? domain : `https://${domain}`);
}

/** `~` and `$NAME`, as Python's expanduser and expandvars. */
function expand(path: string, env: Environment): string {
  const atHome = /^~(?=$|[/\\])/.test(path) ? userHome(env) + path.slice(1) : path;
  return atHome.replace(/\$(?:(\w+)|\{(\w+)\})/g, (all, name, braced) => env[name ?? braced] ?? all);
}

async function hubToken(env: Environment, home: string): Promise<string | undefined> {
  const named =
    clean(env.HF_TOKEN, "HF_TOKEN") ?? clean(env.HUGGING_FACE_HUB_TOKEN, "HUGGING_FACE_HUB_TOKEN");
  if (named) return named;
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const path = expand(env.HF_TOKEN_PATH || join(home, "token"), env);
  return clean(await readFile(path, "utf8").catch(() => undefined), path);
}

/** Without the line ends of files and shells; a header can hold nothing else than visible ASCII. */
function clean(token: string | undefined, where: string): string | undefined {
  const text = token?.replace(/[\r\n]/g, "").trim();
  if (!text) return undefined;
  if (!/^[\x21-\x7e]+$/.test(text))
    throw new AttuneError({
      code: "hub.wrong-token",
      place: where,
      problem: "the token has characters that no token has",
      wayOut: "Copy it again",
    });
  return text;
}

function address(text: string, name: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol) || new URL(text).username)
    throw new AttuneError({
      code: "hub.wrong-endpoint",
      place: name,
      expected: "the address of a hub, such as https://hf-mirror.com",
      got: withoutSecrets(text),
    });
  return text.replace(/\/+$/, "");
}

const withoutSecrets = (text: string) => JSON.stringify(text.replace(/\/\/[^/]*@/, "//…@"));
