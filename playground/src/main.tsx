import { render } from "preact";
import { demoSource, openModel } from "./actions.ts";
import { App } from "./app.tsx";
import { restore } from "./keeping.ts";
import { current, update } from "./store.ts";

render(<App />, document.getElementById("app")!);

const kept = await restore();
const hasWebgpu = await findWebgpu();
const { settings } = current();
update({ hasWebgpu, settings: hasWebgpu ? settings : { ...settings, device: "wasm" } });
await openModel(kept?.kind === "kept" ? { kind: "kept", name: kept.name } : demoSource());

/** A browser may know WebGPU and have no device for it. */
async function findWebgpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return (await gpu?.requestAdapter().catch(() => null)) != null;
}
