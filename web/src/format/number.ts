// Sizes, counts and shares.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal, three digits: "412 kB", "73.9 MB", "1.5 kB". */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  let rest = value;
  let unit = 0;
  while (Math.abs(rest) >= 999.5 && unit + 1 < UNITS.length) {
    rest /= 1000;
    unit += 1;
  }
  if (unit === 0 || Math.abs(rest) >= 99.95) return `${rest.toFixed(0)} ${UNITS[unit]}`;
  return `${rest.toFixed(1)} ${UNITS[unit]}`;
}

/** What a layer adds: "+88.4 MB". */
export function added(value: number): string {
  return `+${bytes(value)}`;
}

/** "74 to 91 MB" for a range, "3.2 MB" where the ends look the same. */
export function bytesRange(values: readonly number[], sign = ''): string {
  if (values.length === 0) return '';
  const low = bytes(Math.min(...values));
  const high = bytes(Math.max(...values));
  if (low === high) return sign + low;
  const [lowNumber, lowUnit] = low.split(' ');
  const [, highUnit] = high.split(' ');
  return lowUnit === highUnit ? `${sign}${lowNumber} to ${high}` : `${sign}${low} to ${high}`;
}

/** "1,206". */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** "77 %"; of nothing it is not known. */
export function percent(part: number, total: number): string {
  return total > 0 ? `${Math.round((100 * part) / total)} %` : '–';
}

/** "sha256:72e0e45d6341": never cut in the middle. */
export function shortDigest(digest: string, withAlgorithm = true): string {
  const colon = digest.indexOf(':');
  const hex = digest.slice(colon + 1, colon + 13);
  return withAlgorithm && colon > 0 ? `${digest.slice(0, colon)}:${hex}` : hex;
}

/** "1 path", "2 paths". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];

/** As a sentence has small numbers: "four", from thirteen on "13". */
export function numberWord(value: number): string {
  return WORDS[value] ?? count(value);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "a", "a and b", "a, b and c". */
export function joined(names: readonly string[], last = 'and'): string {
  if (names.length <= 1) return names.join('');
  return `${names.slice(0, -1).join(', ')} ${last} ${names[names.length - 1]}`;
}

/** At most `most` of the names, then how many more. */
export function joinedShort(names: readonly string[], most = 3): string {
  if (names.length <= most) return joined(names);
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
}
