// The list itself: heads of steps, and the lines of the one that is open. Only what is in view is in the document.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { LogList, type ListHandle } from './LogList';
import type { Build, Package } from '../../model/types';
import type { LogStep } from '../../model/log_steps';
import { indexOfLine, logItems, parseLines, type LogItems } from '../../model/log_items';
import { downloadUrl } from '../../api/logs';
import { clock } from '../../format/time';
import { count } from '../../format/number';
import { setQuery, to, usePlace } from '../../frame/router';
import { useZone } from '../../frame/settings';
import { Failed } from '../../parts/states';
import { Glyph } from '../../parts/Glyph';
import { Remedy } from '../../parts/Remedy';
import { LogBar } from './LogBar';
import { Ruler } from './Ruler';
import { Gap, LineRow, StepHead } from './rows';
import { useLogPages, type LogPages } from './pages';
import { nextOf, useErrors, useMatches } from './search';

interface BodyProps {
  build: Build;
  steps: readonly LogStep[];
  open?: LogStep;
  execution: string;
  failed?: Package;
}

const NONE: readonly number[] = [];

/** Matches and errors together, ascending. */
function merged(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** What the search in the address and the errors of the console come to. */
function useFound(execution: string) {
  const search = usePlace().query.get('q') ?? '';
  const found = useMatches(execution, search);
  const errors = useErrors(execution).data?.numbers ?? NONE;
  const matches = search ? (found.data?.numbers ?? NONE) : NONE;
  const errorSet = useMemo(() => new Set(errors), [errors]);
  const kept = useMemo(() => (search && found.data ? merged(matches, errors) : undefined), [search, found.data, errors]);
  return { search, found, errors, matches, errorSet, kept };
}

function useOption(name: string, standard: boolean): [boolean, (on: boolean) => void] {
  const place = usePlace();
  const value = place.query.get(name);
  return [value === null ? standard : value === '1', (on) => setQuery({ [name]: on === standard ? undefined : on ? '1' : '0' })];
}

/** Keeps the end in view while following, and counts what came since one stopped. Scrolling up stops, nothing else does. */
function useFollow(list: { current: ListHandle | null }, items: LogItems, live: boolean, execution: string, total: number) {
  const [follow, setFollow] = useState(live);
  const [seen, setSeen] = useState(total);
  const last = useRef(0);
  useEffect(() => {
    if (live) setFollow(true);
  }, [execution]);
  useEffect(() => {
    if (!live || !follow) return;
    setSeen(total);
    list.current?.scrollToIndex(items.firstLine + Math.max(0, items.lines - 1), { align: 'end' });
  }, [total, follow, live]);
  const [stuck, setStuck] = useState(false);
  const onScroll = (offset: number) => {
    const handle = list.current;
    if (!handle) return;
    const top = handle.findItemIndex(offset + 1);
    setStuck(top >= items.firstLine && top < items.firstLine + items.lines);
    const up = offset < last.current;
    last.current = offset;
    const atEnd = offset + handle.viewportSize >= handle.scrollSize - 40;
    if (live && follow && up && !atEnd) setFollow(false);
  };
  return { follow, setFollow, behind: follow || !live ? 0 : Math.max(0, total - seen), stuck, onScroll };
}

function useSelection() {
  const place = usePlace();
  const range = parseLines(place.query.get('lines'));
  const choose = (number: number, extend: boolean) => {
    if (extend && range) setQuery({ lines: `${Math.min(range[0], number)}-${Math.max(range[0], number)}` });
    else setQuery({ lines: range && range[0] === number && range[1] === number ? undefined : String(number) });
  };
  return { range, choose };
}

function noteOf(pages: LogPages, zone: 'local' | 'utc'): string {
  if (!pages.known || pages.total === 0) return '';
  if (pages.running) return 'runs';
  const last = pages.line(pages.total);
  return last?.time ? `ended ${clock(last.time, zone)}` : '';
}

export function LogBody({ build, steps, open, execution, failed }: BodyProps) {
  const zone = useZone();
  const live = open?.step.status === 'running';
  const { pages, version } = useLogPages(execution, live);
  const { search, found, errors, matches, errorSet, kept } = useFound(execution);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const [current, setCurrent] = useState(0);
  const [times, setTimes] = useOption('times', true);
  const [wrap, setWrap] = useOption('wrap', true);
  const { range, choose } = useSelection();
  const list = useRef<ListHandle>(null);
  const frame = useRef<HTMLDivElement>(null);
  const total = pages.total;
  const items = useMemo(
    () => logItems({ steps, open: open?.key ?? '', total, kept, opened, withEnd: !!failed }),
    [steps, open?.key, total, kept, opened, failed],
  );
  const { follow, setFollow, behind, stuck, onScroll } = useFollow(list, items, live, execution, total);
  const jump = (number: number | undefined) => {
    if (number === undefined) return;
    setCurrent(number);
    setFollow(false);
    list.current?.scrollToIndex(indexOfLine(items, number), { align: 'center' });
  };
  const asked = range?.[0];
  useEffect(() => setOpened(new Set()), [search, execution]);
  useEffect(() => {
    if (!pages.known) return;
    if (asked) list.current?.scrollToIndex(indexOfLine(items, asked), { align: 'center' });
    else if (open && !live) list.current?.scrollToIndex(open.step.status === 'failed' ? items.data.length - 1 : Math.max(0, items.firstLine - 1), { align: open.step.status === 'failed' ? 'end' : 'start' });
  }, [pages, pages.known]);
  useEffect(() => {
    if (matches[0] !== undefined) jump(matches[0]);
  }, [found.data]);

  const item = (value: number, index: number) => (
    <Item
      key={index} value={value} items={items} pages={pages} build={build.id} open={open} failed={failed} search={search} range={range} current={current}
      isError={errorSet.has(value)} choose={choose} openGap={(from) => setOpened(new Set([...opened, from]))}
    />
  );
  return (
    <>
      <LogBar
        search={search} setSearch={(text) => setQuery({ q: text || undefined })} found={search ? found.data?.numbers.length : undefined} foundMore={found.data?.more ?? false}
        position={matches.indexOf(current) + 1} step={(by) => jump(nextOf(matches, current, by))} errors={errors.length} nextError={() => jump(nextOf(errors, current, 1))}
        times={times} setTimes={setTimes} wrap={wrap} setWrap={setWrap} follow={live ? follow : undefined} setFollow={setFollow}
        download={execution ? downloadUrl(execution) : ''} note={noteOf(pages, zone)}
      />
      {pages.error && <Failed part error={pages.error} what="The log" retry={() => void pages.load(0, true)} />}
      <div class={`lg${times ? '' : ' nt'}${wrap ? '' : ' nw'}`} ref={frame} data-version={version}>
        <LogList ref={list} data={items.data} itemSize={19} class="lines" onScroll={onScroll} role="log" aria-label={open ? `console of ${open.label}` : 'consoles'} aria-live={live && follow ? 'polite' : 'off'} tabIndex={0}>
          {item}
        </LogList>
        {stuck && open && (
          <div class="stuck">
            <StepHead step={open} open lines={total} toggle={() => list.current?.scrollToIndex(Math.max(0, items.firstLine - 1))} />
          </div>
        )}
        <Ruler errors={errors} matches={matches} place={(number) => (indexOfLine(items, number) + 0.5) / Math.max(1, items.data.length)} scroller={() => frame.current?.querySelector<HTMLElement>('.lines') ?? null} />
      </div>
      {behind > 0 && (
        <button class="btn newlines" type="button" onClick={() => setFollow(true)}>
          <Glyph name="down" /> {count(behind)} new {behind === 1 ? 'line' : 'lines'}
        </button>
      )}
    </>
  );
}

interface ItemProps {
  value: number;
  items: LogItems;
  pages: LogPages;
  build: number;
  open?: LogStep;
  failed?: Package;
  search: string;
  range?: [number, number];
  current: number;
  isError: boolean;
  choose: (number: number, extend: boolean) => void;
  openGap: (from: number) => void;
}

/** A line, or what stands between lines. */
function Item({ value, items, pages, build, open, failed, search, range, current, isError, choose, openGap }: ItemProps) {
  const special = value < 0 ? items.specials[-value - 1] : undefined;
  if (!special) {
    return (
      <LineRow
        number={value} line={pages.line(value)} start={pages.start} href={to(['builds', build, 'log'], { step: open?.key, lines: String(value) })} error={isError}
        selected={!!range && value >= range[0] && value <= range[1]} current={value === current} search={search} label={open?.label ?? ''} choose={choose}
      />
    );
  }
  if (special.kind === 'gap') return <Gap from={special.from} to={special.to} open={() => openGap(special.from)} />;
  if (special.kind === 'end') return <End failed={failed} build={build} />;
  const toggle = () => setQuery({ step: special.open ? 'none' : special.step.key, lines: undefined, execution: undefined }, true);
  return <StepHead step={special.step} open={special.open} lines={special.open && pages.known ? pages.total : undefined} toggle={toggle} />;
}

function End({ failed, build }: { failed?: Package; build: number }) {
  if (!failed) return <div />;
  return (
    <div class="fix logend">
      <div>
        <b class="bad">
          <Glyph name="bad" tone="bad" /> {failed.name}: {failed.failureClass}.
        </b>{' '}
        {failed.failureLine && <code>{failed.failureLine}</code>}
        <Remedy text={failed.remedy} lines={failed.remedyLines} place={failed.remedyRange} placeText={failed.remedyText} />
        <p>
          <a class="lk" href={to(['builds', build, 'packages'])}>
            Packages of this build
          </a>
        </p>
      </div>
    </div>
  );
}
