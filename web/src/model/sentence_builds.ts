// The sentence of the list of builds.
import type { Build } from './types';
import type { Sentence } from './sentence';
import { numberWord, capital, plural } from '../format/number';
import type { FilterWord } from './filter';

export interface BuildCounts {
  all: number;
  failed: number;
  infrastructure: number;
  unreproducible: number;
  running: number;
}

export function countBuilds(builds: readonly Build[]): BuildCounts {
  const of = (test: (build: Build) => boolean) => builds.filter(test).length;
  return {
    all: builds.length,
    failed: of((build) => build.status === 'failed' || build.status === 'timed-out'),
    infrastructure: of((build) => build.status === 'infrastructure-failed'),
    unreproducible: of((build) => build.cells.some((cell) => cell.comparison?.verdict === 'unreproducible')),
    running: of((build) => build.status === 'running' || build.status === 'planning' || build.status === 'queued'),
  };
}

const DAY = 86_400_000;

function span(builds: readonly Build[], now: number): string {
  const oldest = Math.min(...builds.map((build) => build.createdAt));
  const days = Math.ceil((now - oldest) / DAY);
  if (days <= 1) return 'in the last day';
  return `in the last ${days < 14 ? `${numberWord(days)} days` : `${Math.round(days / 7)} weeks`}`;
}

/** `builds` are those that match and are loaded; `words` what they match. */
export function buildsSentence(builds: readonly Build[], words: readonly FilterWord[], now: number, more = false): Sentence {
  if (builds.length === 0) return [words.length > 0 ? (more ? 'No build was found so far.' : 'No build matches the filter.') : 'There are no builds yet.'];
  const counts = countBuilds(builds);
  const total = plural(counts.all, 'build');
  const when = span(builds, now);
  const bad = counts.failed + counts.infrastructure;
  if (words.length > 0) return [more ? `The newest ${total} that ${counts.all === 1 ? 'matches' : 'match'}, ${when}.` : `${capital(total)} ${counts.all === 1 ? 'matches' : 'match'}, ${when}.`];
  if (bad === 0) return [`Of ${total} ${when} none failed${counts.unreproducible > 0 ? `; ${numberWord(counts.unreproducible)} gave other bytes when repeated` : ''}.`];
  const ours = counts.infrastructure > 0 ? `, ${numberWord(counts.infrastructure)} of them the farm’s fault` : '';
  const other = counts.unreproducible > 0 ? ` ${capital(numberWord(counts.unreproducible))} gave other bytes when repeated.` : '';
  return [`Of ${total} ${when} ${numberWord(bad)} failed${ours}.${other}`];
}
