import { useEffect, useState } from "preact/hooks";

export type Route =
  | { page: "new" }
  | { page: "runs" }
  | { page: "run"; id: string }
  | { page: "compare"; ids: string[] }
  | { page: "chat" };

export function routeOf(hash: string): Route {
  const [first = "", second] = hash.replace(/^#\/?/, "").split("/");
  if (first === "runs") return second ? { page: "run", id: second } : { page: "runs" };
  if (first === "compare" && second) return { page: "compare", ids: second.split(",") };
  if (first === "chat") return { page: "chat" };
  return { page: "new" };
}

export const linkTo = {
  new: "#/",
  runs: "#/runs",
  run: (id: string) => `#/runs/${id}`,
  compare: (ids: readonly string[]) => `#/compare/${ids.join(",")}`,
  chat: "#/chat",
};

export const goTo = (link: string): void => {
  location.hash = link;
};

/** In a component: where the page is. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => setHash(location.hash);
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return routeOf(hash);
}
