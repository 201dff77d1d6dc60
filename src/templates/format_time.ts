const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const DIRECTIVE = /%([-_0^#+]*)(\d*)([EO]?)([\s\S]?)/g;
const WIDEST = 1000; // characters of one directive

/**
 * Python's `strftime` of a local time without a zone, on Linux (glibc) and in English: all directives, with flags
 * (`%-d`, `%_H`, `%^a`) and widths. What is no directive stays as it is.
 */
export function formatTime(time: Date, format: string): string {
  const micro = String(time.getMilliseconds() * 1000).padStart(6, "0");
  const own: Record<string, string> = { "%f": micro, "%z": "", "%Z": "" }; // Python's, which know no flags
  const prepared = format.replace(/%[\s\S]/g, (pair) => own[pair] ?? pair);
  return prepared.replace(
    DIRECTIVE,
    (whole, flags: string, width: string, modifier: string, char: string) => {
      const least = Math.min(WIDEST, Number(width));
      const field = isPair(modifier, char) ? fieldOf(char, time) : undefined;
      if (field === undefined) return inCase(whole, char, flags.replaceAll("#", "")).padStart(least);
      if (typeof field === "string") return padText(inCase(field, char, flags), least, flags);
      return padNumber(field, least, flags);
    },
  );
}

/** Which directives an `E` or `O` may go before; they change nothing in English. */
function isPair(modifier: string, char: string): boolean {
  if (modifier === "") return true;
  return !(modifier === "E" ? "aAbhBdDeFHIkljmMSUVgGWw" : "aAcDFxXY").includes(char);
}

interface NumberField {
  value: number;
  digits: number;
  pad?: " ";
}

const number = (value: number, digits: number, pad?: " "): NumberField => ({ value, digits, pad });

/** A number, a text, or undefined where there is no such directive. */
function fieldOf(char: string, time: Date): NumberField | string | undefined {
  return dateField(char, time) ?? clockField(char, time) ?? composed(char, time);
}

function dateField(char: string, time: Date): NumberField | string | undefined {
  const [year, month, day] = [time.getFullYear(), time.getMonth(), time.getDay()];
  switch (char) {
    case "Y":
      return number(year, 1);
    case "y":
      return number(year % 100, 2);
    case "C":
      return number(Math.floor(year / 100), 2);
    case "G":
      return number(isoWeek(time).year, 1);
    case "g":
      return number(isoWeek(time).year % 100, 2);
    case "V":
      return number(isoWeek(time).week, 2);
    case "U":
      return number(Math.floor((dayOfYear(time) + 7 - day) / 7), 2);
    case "W":
      return number(Math.floor((dayOfYear(time) + 7 - ((day + 6) % 7)) / 7), 2);
    case "m":
      return number(month + 1, 2);
    case "d":
      return number(time.getDate(), 2);
    case "e":
      return number(time.getDate(), 2, " ");
    case "j":
      return number(dayOfYear(time) + 1, 3);
    case "u":
      return number(day || 7, 1);
    case "w":
      return number(day, 1);
    case "A":
      return DAYS[day];
    case "a":
      return DAYS[day]!.slice(0, 3);
    case "B":
      return MONTHS[month];
    case "b":
    case "h":
      return MONTHS[month]!.slice(0, 3);
    default:
      return undefined;
  }
}

function clockField(char: string, time: Date): NumberField | string | undefined {
  const hour = time.getHours();
  switch (char) {
    case "H":
      return number(hour, 2);
    case "k":
      return number(hour, 2, " ");
    case "I":
      return number(hour % 12 || 12, 2);
    case "l":
      return number(hour % 12 || 12, 2, " ");
    case "M":
      return number(time.getMinutes(), 2);
    case "S":
      return number(time.getSeconds(), 2);
    case "s":
      return number(Math.floor(time.getTime() / 1000), 1);
    case "p":
      return hour < 12 ? "AM" : "PM";
    case "P":
      return hour < 12 ? "am" : "pm";
    default:
      return undefined;
  }
}

const COMPOSED: Record<string, string> = {
  c: "%a %b %e %H:%M:%S %Y",
  ...{ D: "%m/%d/%y", x: "%m/%d/%y", F: "%Y-%m-%d" },
  ...{ T: "%H:%M:%S", X: "%H:%M:%S", R: "%H:%M", r: "%I:%M:%S %p" },
  ...{ n: "\n", t: "\t", Z: "", z: "" },
};

function composed(char: string, time: Date): string | undefined {
  if (char === "%") return char;
  return Object.hasOwn(COMPOSED, char) ? formatTime(time, COMPOSED[char]!) : undefined;
}

/** Days since the first of January. */
function dayOfYear(time: Date): number {
  const day = (year: number, month: number, date: number) => Date.UTC(year, month, date) / 86_400_000;
  return day(time.getFullYear(), time.getMonth(), time.getDate()) - day(time.getFullYear(), 0, 1);
}

/** A week belongs to the year that its Thursday is in. */
function isoWeek(time: Date): { year: number; week: number } {
  const thursday = new Date(time.getFullYear(), time.getMonth(), time.getDate() + 4 - (time.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

/** The last flag that says how to fill up: `-` not at all, `_` with blanks, `0` with zeros. */
const padOf = (flags: string): string | undefined => flags.match(/[-_0+]/g)?.at(-1);

function padNumber({ value, digits, pad }: NumberField, least: number, flags: string): string {
  const flag = padOf(flags);
  if (flag === "-") return String(value).padStart(least);
  const fill = flag === "_" ? " " : flag === undefined ? (pad ?? "0") : "0";
  return String(value).padStart(Math.max(least, digits), fill);
}

function padText(text: string, least: number, flags: string): string {
  const flag = padOf(flags);
  return text.padStart(least, flag === "0" || flag === "+" ? "0" : " ");
}

function inCase(text: string, char: string, flags: string): string {
  if (char === "P") return text;
  if (flags.includes("#") && char === "p") return text.toLowerCase();
  const isLarge = flags.includes("^") || (flags.includes("#") && "aAbBh".includes(char));
  return isLarge ? text.toUpperCase() : text;
}
