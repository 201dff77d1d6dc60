import { firstLanguage, keepLanguage, type Language } from "../../web/language.ts";
import { createStore } from "./store.ts";
import { ENGLISH, type Words } from "./words.ts";
import { CHINESE } from "./words_zh.ts";

const language = createStore<{ language: Language }>({ language: firstLanguage() });

export function setLanguage(chosen: Language): void {
  keepLanguage(chosen);
  language.set({ language: chosen });
}

/** In a component: the chosen language, and what the page says in it. */
export function useWords(): { words: Words; language: Language } {
  const { language: chosen } = language.use();
  return { words: chosen === "zh" ? CHINESE : ENGLISH, language: chosen };
}
