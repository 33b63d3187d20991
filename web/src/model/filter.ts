// The words of the filter: status:failed platform:linux/arm64 verdict:unreproducible image:shop since:7d duration>30s and
// plain words of the name; a minus before one is without it. The same grammar is meant for the terminal and the API.
import type { Build } from './types';
import { buildSeconds, nameOf, platformsOf, verdictOf } from './build';

export interface FilterWord {
  not: boolean;
  /** Empty: a plain word. */
  field: string;
  op: ':' | '>' | '<' | '=';
  value: string;
  text: string;
}

const FIELDS = ['status', 'platform', 'verdict', 'image', 'tag', 'since', 'until', 'duration', 'id', 'target'];

export function parseFilter(text: string): FilterWord[] {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const found = /^(-?)([a-z]+)(:|>|<|=)(.+)$/.exec(word);
      const not = word.startsWith('-') && word.length > 1;
      if (found && FIELDS.includes(found[2] ?? '')) {
        return { not, field: found[2] ?? '', op: (found[3] ?? ':') as FilterWord['op'], value: (found[4] ?? '').toLowerCase(), text: word };
      }
      return { not, field: '', op: ':' as const, value: (not ? word.slice(1) : word).toLowerCase(), text: word };
    });
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 7 * 86400 };

/** "7d", "90s", "1h30m"; undefined: it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?[smhdw])+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) sum += Number(number) * (UNITS[unit ?? 's'] ?? 1);
  return sum;
}

/** A span before now, or a date: "7d", "2026-11-20". */
function instantOf(text: string, now: number): number | undefined {
  const span = parseDuration(text);
  if (span !== undefined) return now - span * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : date;
}

/** "infrastructure" is what people say for "infrastructure-failed". */
function statusMatches(status: string, value: string): boolean {
  return value.split(',').some((each) => status === each || (each === 'infrastructure' && status === 'infrastructure-failed') || (each === 'waiting' && status === 'queued'));
}

function matchesOne(build: Build, word: FilterWord, now: number): boolean {
  const { value } = word;
  switch (word.field) {
    case 'status':
      return statusMatches(build.status, value) || build.cells.some((cell) => build.status === 'running' && statusMatches(cell.status, value));
    case 'platform':
      return platformsOf(build).some((platform) => platform === value || platform.endsWith(`/${value}`));
    case 'verdict':
      return build.cells.some((cell) => value.split(',').includes(verdictOf(cell)));
    case 'image':
    case 'tag':
      return build.options.tags.some((tag) => tag.toLowerCase().includes(value));
    case 'target':
      return build.target.toLowerCase() === value;
    case 'id':
      return String(build.id) === value;
    case 'since':
      return build.createdAt >= (instantOf(value, now) ?? 0);
    case 'until':
      return build.createdAt <= (instantOf(value, now) ?? Infinity);
    case 'duration': {
      const limit = parseDuration(value) ?? Number(value);
      const took = buildSeconds(build, now);
      return word.op === '<' ? took < limit : took > limit;
    }
    default:
      return nameOf(build).toLowerCase().includes(value) || String(build.id) === value || build.message.toLowerCase().includes(value);
  }
}

export function matches(build: Build, words: readonly FilterWord[], now: number): boolean {
  return words.every((word) => matchesOne(build, word, now) !== word.not);
}

/** Whether builds of a later page, which are older, could match at all. */
export function reachesBack(words: readonly FilterWord[], oldest: number, now: number): boolean {
  return words.every((word) => word.field !== 'since' || word.not || oldest >= (instantOf(word.value, now) ?? 0));
}

/** Puts a word into the text or takes it out; another word of its field gives way. */
export function toggleWord(text: string, word: string): string {
  const words = parseFilter(text);
  const [wanted] = parseFilter(word);
  if (words.some((each) => each.text === word)) return words.filter((each) => each.text !== word).map((each) => each.text).join(' ');
  const others = words.filter((each) => !wanted?.field || each.field !== wanted.field);
  return [...others.map((each) => each.text), word].join(' ');
}
