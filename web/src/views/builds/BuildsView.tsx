// All builds, newest first, with the filter's words above and in the address.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Build } from '../../model/types';
import { useBuildList, useNewestBuilds } from '../../api/queries';
import { matches, parseFilter, reachesBack, toggleWord } from '../../model/filter';
import { buildsSentence, countBuilds, type BuildCounts } from '../../model/sentence_builds';
import { platformsOf } from '../../model/build';
import { commonPlatforms } from '../../model/wall';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { setQuery, usePlace } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { Glyph, type Tone } from '../../parts/Glyph';
import { count, plural } from '../../format/number';
import { BuildRows } from './BuildRows';

const WORDS: { word: string; label: string; figure: keyof BuildCounts; glyph: string; tone: Tone }[] = [
  { word: 'status:failed', label: 'Failed', figure: 'failed', glyph: 'bad', tone: 'bad' },
  { word: 'status:infrastructure', label: 'Infrastructure', figure: 'infrastructure', glyph: 'infra', tone: 'farm' },
  { word: 'verdict:unreproducible', label: 'Unreproducible', figure: 'unreproducible', glyph: 'ne', tone: 'ne' },
  { word: 'status:running,queued,planning', label: 'Running', figure: 'running', glyph: 'run', tone: 'run' },
];

function FilterWords({ text, counts, fresh, show }: { text: string; counts: BuildCounts; fresh: number; show: () => void }) {
  const words = parseFilter(text);
  const set = (next: string) => setQuery({ q: next || undefined });
  const known = new Set(WORDS.map((each) => each.word));
  return (
    <div class="filt" role="group" aria-label="Filter">
      <button class="btn" type="button" aria-pressed={words.length === 0} onClick={() => set('')}>
        All {count(counts.all)}
      </button>
      {WORDS.map((each) => (
        <button key={each.word} class="btn" type="button" aria-pressed={words.some((word) => word.text === each.word)} onClick={() => set(toggleWord(text, each.word))}>
          <Glyph name={each.glyph} tone={each.tone} /> {each.label} {count(counts[each.figure])}
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
function useRows(listed: readonly Build[], newest: readonly Build[] | undefined) {
  const [shownFrom, setShownFrom] = useState(0);
  const top = useRef(0);
  const newestId = Math.max(0, ...(newest ?? []).map((build) => build.id), ...listed.map((build) => build.id));
  if (shownFrom === 0 && newestId > 0) top.current = newestId;
  const limit = shownFrom || top.current;
  const byId = new Map(listed.map((build) => [build.id, build]));
  for (const build of newest ?? []) byId.set(build.id, build);
  const all = [...byId.values()].sort((a, b) => b.id - a.id);
  const rows = all.filter((build) => build.id <= limit);
  const show = () => setShownFrom(newestId);
  useEffect(() => {
    if (shownFrom === 0 && newestId > 0) setShownFrom(newestId);
    else if (newestId > limit && scrollY < 40 && !document.querySelector('main tbody :focus-within')) show();
  }, [newestId]);
  return { rows, fresh: all.length - rows.length, show };
}

function columnsFor(builds: readonly Build[]): string[] {
  const uses = new Map<string, number>();
  for (const build of builds) for (const platform of platformsOf(build)) uses.set(platform, (uses.get(platform) ?? 0) + 1);
  return commonPlatforms(uses, 4);
}

export function BuildsView() {
  useView('Builds', 'J and K move, Enter opens, L opens the log.');
  const place = usePlace();
  const text = place.query.get('q') ?? '';
  const list = useBuildList();
  const newest = useNewestBuilds().data?.builds;
  const now = useNow();
  const listed = useMemo(() => list.data?.pages.flatMap((page) => page.builds) ?? [], [list.data]);
  const { rows, fresh, show } = useRows(listed, newest);
  const words = useMemo(() => parseFilter(text), [text]);
  const shown = words.length > 0 ? rows.filter((build) => matches(build, words, now)) : rows;
  const oldest = rows[rows.length - 1]?.createdAt ?? 0;
  const more = list.hasNextPage && reachesBack(words, oldest, now);
  useEffect(() => {
    // A filter with few matches looks further back by itself, within bounds.
    if (words.length > 0 && shown.length < 30 && more && !list.isFetchingNextPage && rows.length < 2000) void list.fetchNextPage();
  }, [text, rows.length, more]);
  if (list.error && rows.length === 0) return <Failed error={list.error} what="The list of builds" retry={() => void list.refetch()} />;
  if (list.isPending) return <Loading rows={16} height={28} />;
  return (
    <>
      <Lede sentence={buildsSentence(shown, words, now)} />
      {rows.length === 0 ? (
        <Empty command="crossmill build --platform linux/amd64,linux/arm64 .">Nothing was submitted to this farm yet. A folder with a Dockerfile is enough:</Empty>
      ) : (
        <>
          <FilterWords text={text} counts={countBuilds(rows)} fresh={fresh} show={show} />
          <BuildRows builds={shown} platforms={columnsFor(shown)} now={now} />
          <p class="leg">
            <span>
              {words.length > 0 ? `${count(shown.length)} of ${plural(rows.length, 'loaded build')}` : plural(rows.length, 'build')}
              {more ? '' : ', all there are'}
            </span>
            {more && (
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
