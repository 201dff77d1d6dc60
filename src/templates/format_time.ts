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

/** Python's `strftime` in English and local time; directives it doesn't know stay as they are. */
export function formatTime(time: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const directives: Record<string, string> = {
    "%Y": String(time.getFullYear()),
    "%y": two(time.getFullYear() % 100),
    "%m": two(time.getMonth() + 1),
    "%d": two(time.getDate()),
    "%B": MONTHS[time.getMonth()]!,
    "%b": MONTHS[time.getMonth()]!.slice(0, 3),
    "%A": DAYS[time.getDay()]!,
    "%a": DAYS[time.getDay()]!.slice(0, 3),
    "%H": two(time.getHours()),
    "%I": two(time.getHours() % 12 || 12),
    "%M": two(time.getMinutes()),
    "%S": two(time.getSeconds()),
    "%p": time.getHours() < 12 ? "AM" : "PM",
    "%%": "%",
  };
  return format.replace(/%./g, (directive) => directives[directive] ?? directive);
}
