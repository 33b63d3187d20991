// Facts of a build in one line.
import type { Build } from './types';
import { instantWithTime, seconds, whole, type Zone } from '../format/time';
import { plural, shortDigest } from '../format/number';

export interface Fact {
  name: string;
  value: string;
  say?: string;
  mono?: boolean;
}

export function cacheShare(build: Build): { cached: number; total: number; saved: number } {
  let cached = 0;
  let total = 0;
  let saved = 0;
  for (const stage of build.stages) {
    for (const step of stage.steps) {
      if (step.status === 'metadata') continue;
      total += 1;
      if (step.status !== 'cached' && step.status !== 'shared') continue;
      cached += 1;
      saved += step.seconds;
    }
  }
  return { cached, total, saved };
}

export function factsOf(build: Build, now: number, zone: Zone): Fact[] {
  const facts: Fact[] = [{ name: 'submitted', value: instantWithTime(build.createdAt, now, zone), say: `submitted ${whole(build.createdAt, zone)}` }];
  const asked = build.options.verify > 1 ? plural(build.options.verify, 'execution') : 'one execution of each step';
  const hosts = build.options.verify > 1 ? (build.options.allowSameHost ? ', also on one host' : ` on ${plural(build.options.verify, 'host')}`) : '';
  facts.push({ name: 'asked', value: asked + hosts });
  const { cached, total, saved } = cacheShare(build);
  if (total > 0) facts.push({ name: 'from cache', value: `${cached} of ${plural(total, 'step')}${saved >= 0.05 ? `, saved ${seconds(saved)}` : ''}` });
  if (build.target) facts.push({ name: 'target', value: build.target, mono: true });
  if (build.options.normalize.length > 0) facts.push({ name: 'normalized', value: build.options.normalize.join(', ') });
  if (build.options.noCache) facts.push({ name: 'cache', value: 'not used' });
  if (build.indexDigest) facts.push({ name: 'index', value: shortDigest(build.indexDigest), say: build.indexDigest, mono: true });
  return facts;
}
