// "live, 2 run, 1 waits, 3 of 5 workers": what the frame says of the farm.
import type { Build, Worker } from './types';

export interface FarmCounts {
  running: number;
  waiting: number;
  takeWork: number;
  workers: number;
}

export function farmCounts(builds: readonly Build[], workers: readonly Worker[] | undefined): FarmCounts {
  return {
    running: builds.filter((build) => build.status === 'running' || build.status === 'planning').length,
    waiting: builds.filter((build) => build.status === 'queued').length,
    takeWork: (workers ?? []).filter((worker) => worker.connected && !worker.draining).length,
    workers: workers?.length ?? 0,
  };
}

export function liveMark(counts: FarmCounts): string {
  const parts = ['live'];
  if (counts.running > 0) parts.push(`${counts.running} ${counts.running === 1 ? 'runs' : 'run'}`);
  if (counts.waiting > 0) parts.push(`${counts.waiting} ${counts.waiting === 1 ? 'waits' : 'wait'}`);
  if (counts.running + counts.waiting === 0) parts.push('nothing runs');
  if (counts.workers > 0) parts.push(`${counts.takeWork} of ${counts.workers} workers`);
  return parts.join(', ');
}
