// The limits of each RUN step as people write them: the words that `crossmill build` takes, and the numbers of the API.
import type * as wire from '../api/wire';

export type Bound = 'memory' | 'cpus' | 'processes' | 'disk' | 'log';

export interface BoundWords {
  name: Bound;
  /** Of `crossmill build`. */
  flag: string;
  label: string;
  placeholder: string;
}

export const BOUNDS: readonly BoundWords[] = [
  { name: 'memory', flag: '--memory', label: 'Memory', placeholder: '2g' },
  { name: 'cpus', flag: '--cpus', label: 'Processors', placeholder: '1.5' },
  { name: 'processes', flag: '--pids-limit', label: 'Processes', placeholder: '1000' },
  { name: 'disk', flag: '--step-disk', label: 'Disk', placeholder: '10g' },
  { name: 'log', flag: '--step-log', label: 'Console', placeholder: '100m' },
];

/** Bytes of "64m", "1.5g", "2TiB", "65536", as common/words/size reads them; undefined: it is no size. */
function sizeOf(text: string): bigint | undefined {
  const [, number, unit] = /^(\d+\.?\d*|\.\d+)(|b|[kmgt]|[kmgt]b|[kmgt]i|[kmgt]ib)$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const power = 'kmgt'.indexOf((unit ?? '').charAt(0).toLowerCase());
  const bytes = Number(number) * (unit && power >= 0 ? 1024 ** (power + 1) : 1);
  return bytes < 1 || bytes > 9e18 ? undefined : BigInt(Math.trunc(bytes));
}

/** Thousandths of a processor. */
function millisOf(text: string): number | undefined {
  const number = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : 0;
  return number >= 0.01 && number <= 100_000 ? Math.round(number * 1000) : undefined;
}

function countOf(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  return number > 0 && number < 2 ** 32 ? number : undefined;
}

/** What is wrong with a limit; undefined: nothing, also where there is none. */
export function boundProblem(name: Bound, text: string): string | undefined {
  if (text === '') return undefined;
  if (name === 'cpus') return millisOf(text) === undefined ? 'a number of processors such as 1.5, 0.01 at least' : undefined;
  if (name === 'processes') return countOf(text) === undefined ? 'a number of processes such as 1000' : undefined;
  return sizeOf(text) === undefined ? 'a number of bytes such as 64m, 1.5g or 65536' : undefined;
}

/** Those that are given and right; undefined: none is, and the farm's own hold. */
export function boundsOf(given: Readonly<Record<Bound, string>>): wire.StepBounds | undefined {
  const bounds: wire.StepBounds = {};
  const millis = millisOf(given.cpus);
  const processes = countOf(given.processes);
  if (millis !== undefined) bounds.cpuMillis = millis;
  if (processes !== undefined) bounds.processes = processes;
  for (const name of ['memory', 'disk', 'log'] as const) {
    const bytes = sizeOf(given[name]);
    if (bytes !== undefined) bounds[name] = String(bytes);
  }
  return Object.keys(bounds).length === 0 ? undefined : bounds;
}
