// What the log shows one below the other: heads of steps, lines of the open one, stretches that are folded while a search
// is on. A line is its number, anything else a negative index into `specials`: a million lines are four megabytes.
import type { LogStep } from './log_steps';

export type Special =
  | { kind: 'head'; step: LogStep; open: boolean }
  | { kind: 'gap'; from: number; to: number }
  | { kind: 'end'; step: LogStep };

export interface LogItems {
  data: Int32Array;
  specials: Special[];
  /** Index of the first line, and how many items the open step has. */
  firstLine: number;
  lines: number;
}

/** Lines kept around a match or an error. */
const AROUND = 2;
/** A gap of fewer lines is not worth folding. */
const LEAST_GAP = 4;

export interface ItemsInput {
  steps: readonly LogStep[];
  open: string;
  total: number;
  /** Numbers of lines that match or are errors, ascending; unset: no search is on. */
  kept?: readonly number[];
  /** Gaps that a person has opened, by their first line. */
  opened: ReadonlySet<number>;
  withEnd: boolean;
}

/** Stretches of lines that stay: [from, to] inclusive, ascending. */
export function keptRanges(kept: readonly number[], total: number): [number, number][] {
  const ranges: [number, number][] = [];
  const add = (from: number, to: number) => {
    const last = ranges[ranges.length - 1];
    if (last && from <= last[1] + LEAST_GAP) last[1] = Math.max(last[1], to);
    else ranges.push([from, to]);
  };
  if (total > 0) add(1, Math.min(total, AROUND));
  for (const number of kept) add(Math.max(1, number - AROUND), Math.min(total, number + AROUND));
  if (total > 0) add(Math.max(1, total - AROUND), total);
  return ranges;
}

export function logItems(input: ItemsInput): LogItems {
  const specials: Special[] = [];
  const before: number[] = [];
  const after: number[] = [];
  const middle: number[] = [];
  let whole = false;
  let seen = false;
  const special = (item: Special): number => -specials.push(item);
  for (const step of input.steps) {
    const open = step.key === input.open;
    (seen ? after : before).push(special({ kind: 'head', step, open }));
    if (!open) continue;
    seen = true;
    if (!input.kept) whole = true;
    else foldedLines(input, middle, special);
    if (input.withEnd) after.push(special({ kind: 'end', step }));
  }
  const lines = whole ? input.total : middle.length;
  const data = new Int32Array(before.length + lines + after.length);
  data.set(before, 0);
  if (whole) for (let i = 0; i < lines; i += 1) data[before.length + i] = i + 1;
  else data.set(middle, before.length);
  data.set(after, before.length + lines);
  return { data, specials, firstLine: before.length, lines };
}

function foldedLines(input: ItemsInput, into: number[], special: (item: Special) => number): void {
  let next = 1;
  for (const [from, to] of [...keptRanges(input.kept ?? [], input.total), [input.total + 1, input.total] as [number, number]]) {
    if (from > next) {
      if (input.opened.has(next)) for (let n = next; n < from; n += 1) into.push(n);
      else into.push(special({ kind: 'gap', from: next, to: from - 1 }));
    }
    for (let n = from; n <= to; n += 1) into.push(n);
    next = Math.max(next, to + 1);
  }
}

/** Where a line stands among the items, or the gap that hides it. */
export function indexOfLine(items: LogItems, number: number): number {
  const plain = items.firstLine + number - 1;
  if (items.data[plain] === number) return plain;
  for (let i = items.firstLine; i < items.firstLine + items.lines; i += 1) {
    const value = items.data[i] ?? 0;
    if (value === number) return i;
    if (value < 0) {
      const gap = items.specials[-value - 1];
      if (gap?.kind === 'gap' && number >= gap.from && number <= gap.to) return i;
    }
  }
  return items.firstLine;
}

/** "5" or "5-9". */
export function parseLines(text: string | null): [number, number] | undefined {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text ?? '');
  if (!found) return undefined;
  const first = Number(found[1]);
  const last = Number(found[2] ?? found[1]);
  return [Math.min(first, last), Math.max(first, last)];
}
