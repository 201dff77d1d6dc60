import { PLACES, type Place } from "./pattern_node.ts";
import { placeBefore } from "./surrogates.ts";

const LINE_END = 0x0a;

/** Whether place number `which` of PLACES is `at` in the text, as Oniguruma has them: lines end in \n alone. */
export function createPlaces(
  classAt: (at: number) => number,
  words: () => Uint8Array | undefined,
): (which: number, text: string, at: number) => boolean {
  const isWord = (at: number) => words()![classAt(at)] === 1;
  return (which, text, at) => {
    const place: Place = PLACES[which]!;
    const isEdge = () => (at > 0 && isWord(placeBefore(text, at))) !== (at < text.length && isWord(at));
    switch (place) {
      case "lineStart": // behind the last \n of a text no line begins
        return at === 0 || (at < text.length && text.charCodeAt(at - 1) === LINE_END);
      case "lineEnd":
        return at === text.length || text.charCodeAt(at) === LINE_END;
      case "textStart":
        return at === 0;
      case "textEnd":
        return at === text.length;
      case "lastLineEnd":
        return at === text.length || (at === text.length - 1 && text.charCodeAt(at) === LINE_END);
      case "wordEdge":
        return isEdge();
      case "noWordEdge":
        return !isEdge();
    }
  };
}
