// Spans and instants as the page and the terminal write them.

/** "5.1s", "3m 12s", "1h 04m", "2d 3h"; unknown is a dash. */
export function seconds(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value) || value < 0) return '–';
  if (value < 59.95) return `${value.toFixed(1)}s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

/** Like seconds, but without tenths, for what still runs: the figure changes once a second. */
export function elapsed(value: number): string {
  return value < 60 ? `${Math.max(0, Math.floor(value))}s` : seconds(Math.floor(value));
}

/** Round figures of an axis: "0", "30s", "2m", "1h". */
export function axis(value: number): string {
  if (value === 0) return '0';
  if (value < 60) return `${value}s`;
  if (value < 3600) return value % 60 === 0 ? `${value / 60}m` : seconds(value);
  return value % 3600 === 0 ? `${value / 3600}h` : seconds(value);
}

/** Since the step began, beside a line of a log: "0.4", "1m 13.1", "1h 02m 03". */
export function sinceStart(value: number): string {
  if (!Number.isFinite(value) || value < 0) return '';
  if (value < 60) return value.toFixed(1);
  const tenths = Math.round(value * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = tenths % 600;
  if (minutes < 60) return `${minutes}m ${two(Math.floor(rest / 10))}.${rest % 10}`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m ${two(Math.floor(rest / 10))}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export type Zone = 'local' | 'utc';

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

function parts(ms: number, zone: Zone): Parts {
  const date = new Date(ms);
  if (zone === 'utc') {
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth(),
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
  }
  return {
    year: date.getFullYear(),
    month: date.getMonth(),
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  };
}

function dayNumber(at: Parts): number {
  return Date.UTC(at.year, at.month, at.day) / 86_400_000;
}

/** "14:02" today, then "yesterday", "21 Nov", "21 Nov 2025". */
export function instant(ms: number, now: number, zone: Zone = 'local'): string {
  if (!ms) return '–';
  const at = parts(ms, zone);
  const today = parts(now, zone);
  const age = dayNumber(today) - dayNumber(at);
  if (age === 0) return `${two(at.hour)}:${two(at.minute)}`;
  if (age === 1) return 'yesterday';
  const day = `${at.day} ${MONTHS[at.month]}`;
  return at.year === today.year ? day : `${day} ${at.year}`;
}

/** Like instant, with the word and the time: "today 13:39", "yesterday 13:39", "21 Nov 13:39". */
export function instantWithTime(ms: number, now: number, zone: Zone = 'local'): string {
  if (!ms) return '–';
  const at = parts(ms, zone);
  const time = `${two(at.hour)}:${two(at.minute)}`;
  const short = instant(ms, now, zone);
  return short === time ? `today ${time}` : `${short} ${time}`;
}

/** "13:43:01". */
export function clock(ms: number, zone: Zone = 'local'): string {
  const at = parts(ms, zone);
  return `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;
}

/** The whole of it, for the reading line: "2026-11-26 13:39:05". */
export function whole(ms: number, zone: Zone = 'local'): string {
  if (!ms) return '–';
  const at = parts(ms, zone);
  return `${at.year}-${two(at.month + 1)}-${two(at.day)} ${clock(ms, zone)}${zone === 'utc' ? ' UTC' : ''}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
