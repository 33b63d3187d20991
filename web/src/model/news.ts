// What the farm tells while the page is open, and what of the answers that are there it changes. Pure.
import { isFinished } from './build';
import type { Build } from './types';

export interface News {
  /** What was read before may be outdated in every way. */
  reset: boolean;
  /** The newest state of each that changed. */
  builds: Build[];
  workers: boolean;
}

/** Of two states of a build the later one: a list that was asked for earlier may come later. */
function later(old: Build, news: Build): Build {
  return news.lastEvent > old.lastEvent ? news : old;
}

/** The same list with the states that are told; the same object if that changes nothing. */
export function withStates(builds: Build[], news: readonly Build[]): Build[] {
  const byId = new Map(news.map((build) => [build.id, build]));
  let changed = false;
  const result = builds.map((build) => {
    const told = byId.get(build.id);
    const newer = told ? later(build, told) : build;
    if (newer !== build) changed = true;
    return newer;
  });
  return changed ? result : builds;
}

/** The newest builds, newest first, with new ones among them; never more than `most`. */
export function withNewest(builds: Build[], news: readonly Build[], most: number): Build[] {
  const known = new Set(builds.map((build) => build.id));
  // One that is older than all of a full list belongs to a later page.
  const from = builds.length < most ? 0 : (builds.at(-1)?.id ?? 0);
  const fresh = news.filter((build) => !known.has(build.id) && build.id > from);
  const states = withStates(builds, news);
  if (fresh.length === 0) return states;
  return [...states, ...fresh].sort((a, b) => b.id - a.id).slice(0, most);
}

/** The last states that were told, so that an answer on its way does not take them back. Bounded. */
export class LastStates {
  private readonly states = new Map<number, Build>();

  constructor(private readonly most = 100) {}

  note(news: readonly Build[]): void {
    for (const build of news) {
      this.states.delete(build.id);
      this.states.set(build.id, build);
    }
    for (const id of this.states.keys()) {
      if (this.states.size <= this.most) break;
      this.states.delete(id);
    }
  }

  all(): Build[] {
    return [...this.states.values()];
  }

  clear(): void {
    this.states.clear();
  }
}

/** Answers of the farm by what they are about: the first word of their key. */
export type Kind = 'newest' | 'found' | 'builds' | 'recent' | 'wall' | 'trends' | 'workers' | 'compiled';

/** They are asked for again at most so often, in milliseconds: a busy farm tells twice a second. */
const PAUSE: Record<Kind, number> = { newest: 2_000, found: 2_000, builds: 2_000, recent: 60_000, wall: 2_000, trends: 60_000, workers: 2_000, compiled: 60_000 };

/** What has to be asked for again. */
export function staleAfter(news: News): Kind[] {
  if (news.reset) return Object.keys(PAUSE) as Kind[];
  const kinds: Kind[] = [];
  if (news.builds.length > 0) kinds.push('found');
  // These are of builds that have ended.
  if (news.builds.some((build) => isFinished(build.status))) kinds.push('wall', 'trends', 'recent', 'compiled');
  if (news.workers) kinds.push('workers');
  return kinds;
}

/** When each kind is asked for again: at once, then with a pause between, and once more after the last news. */
export class Refresh {
  private readonly next = new Map<Kind, number>();
  private readonly waiting = new Set<Kind>();

  note(kinds: readonly Kind[]): void {
    for (const kind of kinds) this.waiting.add(kind);
  }

  /** Takes what is due. */
  take(now: number): Kind[] {
    const due = [...this.waiting].filter((kind) => (this.next.get(kind) ?? 0) <= now);
    for (const kind of due) {
      this.waiting.delete(kind);
      this.next.set(kind, now + PAUSE[kind]);
    }
    return due;
  }

  /** When something is due that waits; nothing waits: undefined. */
  nextAt(): number | undefined {
    const times = [...this.waiting].map((kind) => this.next.get(kind) ?? 0);
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}
