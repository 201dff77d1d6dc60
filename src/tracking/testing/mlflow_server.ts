import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  path: string;
  // biome-ignore lint/suspicious/noExplicitAny: what was sent, as JSON
  body: any;
  authorization?: string;
}

/** A stand-in for MLflow: the paths and limits of its REST API. `refuse` makes it fail. */
export async function startMlflow() {
  const asked: Asked[] = [];
  const experiments = new Map<string, string>();
  const state = { refuse: false };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const url = new URL(request.url!, "http://localhost");
    const path = url.pathname.replace("/api/2.0/mlflow/", `${request.method} `);
    const body = text === "" ? Object.fromEntries(url.searchParams) : JSON.parse(text);
    asked.push({ path, body, authorization: request.headers.authorization });
    const [status, answer] = state.refuse
      ? [503, { error_code: "TEMPORARILY_UNAVAILABLE" }]
      : answerTo(path, body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });

  // biome-ignore lint/suspicious/noExplicitAny: as above
  function answerTo(path: string, body: any): [number, object] {
    if (path === "GET experiments/get-by-name") {
      const id = experiments.get(body.experiment_name);
      return id
        ? [200, { experiment: { experiment_id: id } }]
        : [404, { error_code: "RESOURCE_DOES_NOT_EXIST" }];
    }
    if (path === "POST experiments/create") {
      experiments.set(body.name, "7");
      return [200, { experiment_id: "7" }];
    }
    if (path === "POST runs/create") return [200, { run: { info: { run_id: "r1" } } }];
    const { metrics = [], params = [] } = body;
    if (path === "POST runs/log-batch" && metrics.length <= 1000 && params.length <= 100) return [200, {}];
    if (path === "POST runs/update") return [200, { run_info: {} }];
    return [400, { error_code: "INVALID_PARAMETER_VALUE" }];
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    state,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
