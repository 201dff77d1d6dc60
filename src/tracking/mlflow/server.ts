import { AttuneError } from "../../text/errors.ts";

/** Where an MLflow server is, and how it knows us. */
export interface MlflowServer {
  url: string;
  experiment: string;
  /** An Authorization header; it goes to the server and nowhere else. */
  authorization?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The server that the recipe names or else the environment, by MLflow's own variables.
 * @throws AttuneError when none is named, or no server that is spoken to over HTTP.
 */
export function mlflowServer(
  { url, experiment }: { url?: string; experiment?: string },
  env: Environment = process.env,
): MlflowServer {
  const from = url === undefined ? "MLFLOW_TRACKING_URI" : "recipe: tracking: url";
  const given = url ?? env.MLFLOW_TRACKING_URI;
  if (!given)
    throw new AttuneError({
      code: "tracking.no-server",
      place: "recipe: tracking: mlflow",
      problem: "no server is named",
      wayOut: "Give its address: { type: mlflow, url: http://127.0.0.1:5000 }, or set MLFLOW_TRACKING_URI",
    });
  return {
    url: checkedUrl(given, from),
    experiment: experiment ?? env.MLFLOW_EXPERIMENT_NAME ?? "attune",
    ...authorizationOf(env),
  };
}

function checkedUrl(given: string, place: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol))
    throw new AttuneError({
      code: "tracking.wrong-url",
      place,
      expected: "an http:// or https:// address, such as http://127.0.0.1:5000",
      got: url ? `${url.protocol}…` : "no address",
    });
  if (url.username || url.password)
    throw new AttuneError({
      code: "tracking.secret-in-url",
      place,
      problem: "it holds a name or password, which would be written into files",
      wayOut:
        "Leave them out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    });
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function authorizationOf(env: Environment): { authorization?: string } {
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: name,
    MLFLOW_TRACKING_PASSWORD: password,
  } = env;
  if (token) return { authorization: `Bearer ${token}` };
  if (name === undefined || password === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}
