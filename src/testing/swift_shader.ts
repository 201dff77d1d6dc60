import { existsSync } from "node:fs";

const DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Lets WebGPU run without a GPU: points Vulkan's loader to SwiftShader, the software driver in Debian's `chromium`.
 * Call it before the first session. Gives back why it can't be used here, "" when it can.
 */
export function useSwiftShader(): string {
  if (!existsSync(DRIVER)) return `no ${DRIVER} (Debian's package chromium)`;
  const problem = loadProblem("libvulkan.so.1");
  if (!problem) process.env.VK_ICD_FILENAMES = DRIVER;
  return problem;
}

/** `process.dlopen` loads any library, then complains that it is no module of Node's: that complaint says it was found. */
function loadProblem(library: string): string {
  try {
    process.dlopen({ exports: {} }, library);
  } catch (error) {
    const { message } = error as Error;
    if (!/did not self-register/.test(message)) return message;
  }
  return "";
}
