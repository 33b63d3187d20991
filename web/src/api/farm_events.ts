// Follows what changes on the farm, once for the whole page: answers that are there are changed or asked for again, so
// that no view has to ask by itself. While the stream is down views ask now and then, as they did before there was one.
import { useSyncExternalStore } from 'preact/compat';
import { useEffect } from 'preact/hooks';
import { useQueryClient, type InfiniteData, type QueryClient } from '@tanstack/preact-query';
import type * as wire from './wire';
import * as decode from './decode';
import { followStream, type ServerEvent } from './event_stream';
import type { Build } from '../model/types';
import { LastStates, Refresh, staleAfter, withNewest, withStates, type Kind, type News } from '../model/news';

/** "live": the farm tells; "lost": it did, or should; else it is not known yet. */
export type Link = 'connecting' | 'live' | 'lost';

export interface LinkState {
  link: Link;
  /** When it was last known to be live. */
  since: number;
}

let state: LinkState = { link: 'connecting', since: 0 };
const listeners = new Set<() => void>();

function setLink(link: Link): void {
  if (state.link === link) return;
  state = { link, since: link === 'live' || state.link === 'live' ? Date.now() : state.since };
  listeners.forEach((listener) => listener());
}

export function useLink(): LinkState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** So many builds has a list of the newest. */
export const NEWEST = 50;

export interface BuildPage {
  builds: Build[];
  next: string;
}

const told = new LastStates();

/** An answer that was on its way while the farm told more. */
export function withWhatWasTold(page: BuildPage): BuildPage {
  return { ...page, builds: withNewest(page.builds, told.all(), Math.max(NEWEST, page.builds.length)) };
}

export function newsOf(event: ServerEvent): News | undefined {
  if (event.type !== 'farm') return undefined;
  try {
    const news = JSON.parse(event.data) as wire.FarmNews;
    return { reset: news.reset ?? false, builds: (news.builds ?? []).map(decode.build), workers: news.workers ?? false };
  } catch {
    return undefined;
  }
}

const KEYS: Record<Kind, (key: readonly unknown[]) => boolean> = {
  newest: (key) => key[0] === 'newest' && key[1] === '',
  found: (key) => key[0] === 'newest' && key[1] !== '',
  builds: (key) => key[0] === 'builds',
  recent: (key) => key[0] === 'recent',
  wall: (key) => key[0] === 'wall',
  trends: (key) => key[0] === 'trends',
  workers: (key) => key[0] === 'workers',
  compiled: (key) => key[0] === 'compiled',
};

function applyStates(client: QueryClient, news: News): void {
  if (news.builds.length === 0) return;
  client.setQueryData<BuildPage>(['newest', ''], (page) => {
    if (!page) return page;
    const builds = withNewest(page.builds, news.builds, NEWEST);
    return builds === page.builds ? page : { ...page, builds };
  });
  client.setQueriesData<InfiniteData<BuildPage>>({ queryKey: ['builds'] }, (data) => {
    if (!data) return data;
    const pages = data.pages.map((page) => {
      const builds = withStates(page.builds, news.builds);
      return builds === page.builds ? page : { ...page, builds };
    });
    return pages.every((page, i) => page === data.pages[i]) ? data : { ...data, pages };
  });
}

/** Follows until it is aborted. */
function follow(client: QueryClient, signal: AbortSignal): void {
  const refresh = new Refresh();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = () => {
    clearTimeout(timer);
    for (const kind of refresh.take(Date.now())) void client.invalidateQueries({ predicate: (query) => KEYS[kind](query.queryKey) });
    const next = refresh.nextAt();
    if (next !== undefined) timer = setTimeout(ask, Math.max(0, next - Date.now()));
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  void followStream('events', {
    signal,
    onState: (stream) => {
      if (stream === 'open') {
        // What went wrong meanwhile may go well now; if nothing changed, the farm will not tell so.
        if (state.link === 'lost') void client.refetchQueries({ predicate: (query) => query.state.status === 'error' || query.state.fetchFailureCount > 0 });
        setLink('live');
      }
      // Going on after the tab was hidden is no loss.
      if (stream === 'lost' || stream === 'ended') setLink('lost');
      // Whoever looks should see it now, not when the next question is due.
      if (stream === 'lost') void client.invalidateQueries({ queryKey: ['newest', ''] });
    },
    onEvent: (event) => {
      const news = newsOf(event);
      if (!news) return;
      if (news.reset) told.clear();
      told.note(news.builds);
      applyStates(client, news);
      refresh.note(staleAfter(news));
      ask();
    },
  });
}

/** Once, by the frame. */
export function useFarmEvents(): void {
  const client = useQueryClient();
  useEffect(() => {
    const abort = new AbortController();
    follow(client, abort.signal);
    return () => abort.abort();
  }, [client]);
}
