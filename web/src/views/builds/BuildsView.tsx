// All builds, newest first, with the filter's words above and in the address.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Build } from '../../model/types';
import { NEWEST } from '../../api/farm_events';
import { useBuildList, useNewestBuilds } from '../../api/queries';
import { parseFilter, toggleWord } from '../../model/filter';
import { buildsSentence } from '../../model/sentence_builds';
import { platformsOf } from '../../model/build';
import { commonPlatforms } from '../../model/wall';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { setQuery, usePlace } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { Glyph, type Tone } from '../../parts/Glyph';
import { plural } from '../../format/number';
import { BuildRows } from './BuildRows';

const WORDS: { word: string; label: string; glyph: string; tone: Tone }[] = [
  { word: 'status:failed', label: 'Failed', glyph: 'bad', tone: 'bad' },
  { word: 'status:infrastructure', label: 'Infrastructure', glyph: 'infra', tone: 'farm' },
  { word: 'verdict:unreproducible', label: 'Unreproducible', glyph: 'ne', tone: 'ne' },
  { word: 'status:running,queued,planning', label: 'Running', glyph: 'run', tone: 'run' },
];

function FilterWords({ text, fresh, show }: { text: string; fresh: number; show: () => void }) {
  const words = parseFilter(text);
  const set = (next: string) => setQuery({ q: next || undefined });
  const known = new Set(WORDS.map((each) => each.word));
  return (
    <div class="filt" role="group" aria-label="Filter">
      <button class="btn" type="button" aria-pressed={words.length === 0} onClick={() => set('')}>
        All
      </button>
      {WORDS.map((each) => (
        <button key={each.word} class="btn" type="button" aria-pressed={words.some((word) => word.text === each.word)} onClick={() => set(toggleWord(text, each.word))}>
          <Glyph name={each.glyph} tone={each.tone} /> {each.label}
        </button>
      ))}
      {words.filter((word) => !known.has(word.text)).map((word, i) => (
        <button key={i} class="btn m" type="button" aria-label={`take out ${word.text}`} onClick={() => set(toggleWord(text, word.text))}>
          {word.text} <Glyph name="bad" />
        </button>
      ))}
      {fresh > 0 && (
        <button class="btn push" type="button" onClick={show}>
          {plural(fresh, 'new build')}
        </button>
      )}
    </div>
  );
}

/** Rows that are there keep their order; their values follow. New ones wait, unless one is at the top. */
function useRows(listed: readonly Build[], found: readonly Build[] | undefined, newest: readonly Build[] | undefined) {
  const [shownFrom, setShownFrom] = useState(0);
  const top = useRef(0);
  const newestId = Math.max(0, ...(found ?? []).map((build) => build.id), ...listed.map((build) => build.id));
  if (shownFrom === 0 && newestId > 0) top.current = newestId;
  const limit = shownFrom || top.current;
  const byId = new Map(listed.map((build) => [build.id, build]));
  for (const build of found ?? []) byId.set(build.id, build);
  // One that the filter does not find any more, because it has ended, stays and says so.
  for (const build of newest ?? []) if (byId.has(build.id)) byId.set(build.id, build);
  const all = [...byId.values()].sort((a, b) => b.id - a.id);
  const rows = all.filter((build) => build.id <= limit);
  const show = () => setShownFrom(newestId);
  useEffect(() => {
    if (shownFrom === 0 && newestId > 0) setShownFrom(newestId);
    else if (newestId > limit && scrollY < 40 && !document.querySelector('main tbody :focus-within')) show();
  }, [newestId]);
  return { rows, fresh: all.length - rows.length, show };
}

/** What is typed counts when a moment has passed: each filter is a question to the farm. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function columnsFor(builds: readonly Build[]): string[] {
  const uses = new Map<string, number>();
  for (const build of builds) for (const platform of platformsOf(build)) uses.set(platform, (uses.get(platform) ?? 0) + 1);
  return commonPlatforms(uses, 4);
}

/** So many rows come by themselves when a filter finds few in a page. */
const ENOUGH = 30;
const MOST_PAGES = 20;

function BuildsTable({ filter }: { filter: string }) {
  const list = useBuildList(filter);
  const found = useNewestBuilds(filter).data?.builds;
  const newest = useNewestBuilds().data?.builds;
  const now = useNow();
  const listed = useMemo(() => list.data?.pages.flatMap((page) => page.builds) ?? [], [list.data]);
  const { rows, fresh, show } = useRows(listed, found, newest);
  const words = useMemo(() => parseFilter(filter), [filter]);
  const pages = list.data?.pages.length ?? 0;
  useEffect(() => {
    // One question looks at a bounded number of builds: a filter that finds few asks again.
    if (list.hasNextPage && listed.length < ENOUGH && pages < MOST_PAGES && !list.isFetchingNextPage) void list.fetchNextPage();
  }, [pages, list.hasNextPage]);
  const oldestFound = found?.at(-1)?.id ?? 0;
  const newestListed = listed[0]?.id ?? 0;
  useEffect(() => {
    // So many are new that there may be others between them and the list.
    if (found && found.length >= NEWEST && listed.length > 0 && oldestFound > newestListed && !list.isFetching) void list.refetch();
  }, [oldestFound, newestListed]);
  if (list.error && rows.length === 0) return <Failed error={list.error} what={words.length > 0 ? 'This list' : 'The list of builds'} retry={() => void list.refetch()} />;
  if (list.isPending) return <Loading rows={16} height={28} />;
  return (
    <>
      <Lede sentence={buildsSentence(rows, words, now, !!list.hasNextPage)} />
      {rows.length === 0 && words.length === 0 ? (
        <Empty command="crossmill build --platform linux/amd64,linux/arm64 .">Nothing was submitted to this farm yet. A folder with a Dockerfile is enough:</Empty>
      ) : (
        <>
          <FilterWords text={filter} fresh={fresh} show={show} />
          <BuildRows builds={rows} platforms={columnsFor(rows)} now={now} />
          <p class="leg">
            <span>
              {plural(rows.length, 'build')}
              {list.hasNextPage ? '' : ', all there are'}
            </span>
            {list.hasNextPage && (
              <button class="btn" type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                {list.isFetchingNextPage ? 'loading' : 'Load more'}
              </button>
            )}
          </p>
        </>
      )}
    </>
  );
}

export function BuildsView() {
  useView('Builds', 'J and K move, Enter opens, L opens the log.');
  const filter = useSettled(usePlace().query.get('q') ?? '');
  return <BuildsTable key={filter} filter={filter} />;
}
