// Functions that format numbers for people.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

// count formats a whole number with all digits: 12,345,678.
export const count = n => whole.format(n);

// compact formats a number with at most three digits: 12.3M, 617, 0.5.
export const compact = n => (n < 10 ? String(Math.round(n * 10) / 10) : short.format(n));

// bytes formats a size in units of 1,024: 3.4 MiB.
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1024;
  const digits = unit === 0 || n >= 100 ? 0 : 1;
  return `${n.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

// duration formats a time in its two largest units: 3h 12m.
export function duration(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  let at = parts.findIndex(([, size]) => seconds >= size);
  if (at < 0) return "0s";
  const [unit, size] = parts[at];
  const [nextUnit, nextSize] = parts[at + 1] ?? [];
  const rest = nextUnit ? Math.floor((seconds % size) / nextSize) : 0;
  return `${Math.floor(seconds / size)}${unit}` + (rest ? ` ${rest}${nextUnit}` : "");
}

// milliseconds formats a time with three digits: 0.123 ms, 12.3 ms.
export const milliseconds = ms => `${Number(ms.toPrecision(3))} ms`;

// percent formats a share in percent, below ten with at most one decimal: 0.5 %, 5 %, 12 %.
export const percent = n => `${n < 10 ? Math.round(n * 10) / 10 : Math.round(n)} %`;

// clock formats the local time of day, with seconds.
export const clock = date => date.toLocaleTimeString("en-GB");
