import { render } from "preact";
import { App } from "./app.tsx";
import { loadServer } from "./server.ts";

render(<App />, document.getElementById("app")!);
await loadServer();
