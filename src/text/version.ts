import packageJson from "../../package.json" with { type: "json" };

/** attune's own. */
export const { version } = packageJson;
