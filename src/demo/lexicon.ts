/** The words of the demo's small world. Each is in one list only, so that every question has one answer. */

export const NAMES = words(`
  Anna Ben Carl Dora Emma Finn Gina Hugo Ivan Julia Leo Mia Nora Oscar Paul Rosa Sam Tom Vera Will`);

export const CITIES = words(`Paris Rome London Berlin Oslo Madrid Vienna Cairo Tokyo Lima Prague Dublin`);

export const DAYS = words(`Monday Tuesday Wednesday Thursday Friday Saturday Sunday`);

export const COLOURS = words(`red blue green yellow black white brown pink grey purple`);

/** What things are, and some of them. */
export const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  animals: words(`cat dog horse cow goat sheep fox bear wolf lion tiger mouse`),
  fruits: words(`apple pear plum cherry lemon grape peach melon banana mango`),
  tools: words(`hammer saw drill knife axe spade rake needle brush ladder`),
  clothes: words(`shirt coat hat scarf glove shoe sock dress belt skirt`),
  vehicles: words(`car bus train boat bike truck plane ship tram taxi`),
  furniture: words(`chair table bed desk lamp sofa shelf bench stool mirror`),
  instruments: words(`piano violin drum flute guitar harp trumpet horn cello banjo`),
};

/** Several of each thing, where it is not the thing with an s. */
const IRREGULAR_PLURALS: Readonly<Record<string, string>> = Object.fromEntries(
  pairs(`
  sheep/sheep fox/foxes wolf/wolves mouse/mice cherry/cherries peach/peaches knife/knives brush/brushes
  scarf/scarves dress/dresses bus/buses shelf/shelves bench/benches`),
);

export function pluralOf(noun: string): string {
  return IRREGULAR_PLURALS[noun] ?? `${noun}s`;
}

/** Each word and its opposite, one way; {@link OPPOSITES} has both ways. */
const CONTRARIES = pairs(`
  hot/cold big/small tall/short fast/slow old/new hard/soft full/empty open/closed light/dark wet/dry happy/sad
  rich/poor strong/weak early/late clean/dirty near/far high/low loud/quiet deep/shallow wide/narrow thick/thin
  good/bad`);

export const OPPOSITES = [...CONTRARIES, ...CONTRARIES.map(([word, other]) => [other, word] as const)];

export const ADJECTIVES = OPPOSITES.map(([word]) => word);

export const NOUNS = Object.values(CATEGORIES).flat();

/** What lists of words are made of. */
export const WORDS = [...NOUNS, ...COLOURS, ...ADJECTIVES];

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function pairs(text: string): readonly (readonly [string, string])[] {
  return words(text).map((pair) => pair.split("/") as [string, string]);
}
