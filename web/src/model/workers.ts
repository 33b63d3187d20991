// Workers: what a row and the sentence say of them.
import type { Worker } from './types';
import type { Sentence } from './sentence';
import { capital, joinedShort, numberWord } from '../format/number';

export interface TaskPlace {
  build: number;
  platform: string;
  stage: string;
  replica: number;
}

/** "b418/linux/arm64/v8/builder/r0" as tasks are named for log lines; undefined: it is named otherwise. */
export function parseTask(name: string): TaskPlace | undefined {
  const found = /^b(\d+)\/(.+)\/([^/]+)\/r(\d+)$/.exec(name);
  if (!found) return undefined;
  return { build: Number(found[1]), platform: found[2] ?? '', stage: found[3] ?? '', replica: Number(found[4]) };
}

export type WorkerState = 'takes work' | 'takes none' | 'drains' | 'away';

export function workerState(worker: Worker): WorkerState {
  if (!worker.connected) return 'away';
  if (worker.draining) return 'drains';
  return worker.unfit ? 'takes none' : 'takes work';
}

/** Workers of one host stand together. */
export function sortedWorkers(workers: readonly Worker[]): Worker[] {
  return [...workers].sort((a, b) => a.host.localeCompare(b.host) || a.hostId.localeCompare(b.hostId) || a.name.localeCompare(b.name));
}

/** Hosts with more than one worker: those do not count as two when executions are compared. */
export function sharedHosts(workers: readonly Worker[]): Worker[][] {
  const byHost = new Map<string, Worker[]>();
  for (const worker of workers) byHost.set(worker.hostId, [...(byHost.get(worker.hostId) ?? []), worker]);
  return [...byHost.values()].filter((list) => list.length > 1);
}

/** "pool arm · zone=a": nothing for a worker that says nothing of itself. */
export function placeOf(worker: Worker): string {
  return [...(worker.pool ? [`pool ${worker.pool}`] : []), ...worker.labels].join(' · ');
}

export function workersSentence(workers: readonly Worker[]): Sentence {
  if (workers.length === 0) return ['No worker has ever connected to this farm.'];
  const by = (state: WorkerState) => workers.filter((worker) => workerState(worker) === state);
  const takes = by('takes work').length;
  const away = by('away').map((worker) => worker.name);
  const drains = by('drains').map((worker) => worker.name);
  const total = workers.length;
  const head =
    takes === total
      ? total === 1
        ? 'The one worker takes work.'
        : `All ${numberWord(total)} workers take work.`
      : `${capital(numberWord(takes))} of ${numberWord(total)} ${total === 1 ? 'worker' : 'workers'} ${takes === 1 ? 'takes' : 'take'} work.`;
  const sentence: Sentence = [head];
  if (away.length > 0) sentence.push(' ', { text: `${joinedShort(away)} ${away.length === 1 ? 'is' : 'are'} away`, tone: 'farm', glyph: 'infra' }, drains.length > 0 ? '; ' : '.');
  if (drains.length > 0) sentence.push(`${away.length > 0 ? '' : ' '}${joinedShort(drains)} ${drains.length === 1 ? 'is' : 'are'} drained.`);
  for (const worker of workers) {
    if (workerState(worker) === 'takes none') sentence.push(' ', { text: `${worker.name} takes none`, tone: 'farm', glyph: 'infra' }, `: ${worker.unfit}.`);
  }
  const distrusted = workers.filter((worker) => worker.distrusted).map((worker) => worker.name);
  if (distrusted.length > 0) sentence.push(` What ${joinedShort(distrusted)} made is not used.`);
  return sentence;
}
