export type Language = "en" | "zh";

const LANGUAGE = "attune-language";

/** What was chosen on an earlier visit; else the browser's. */
export function firstLanguage(): Language {
  const chosen = localStorage.getItem(LANGUAGE);
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const keepLanguage = (language: Language): void => localStorage.setItem(LANGUAGE, language);
