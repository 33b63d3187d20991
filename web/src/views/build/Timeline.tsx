// Worker lanes over time, and the critical path as a strip below.
import type { Block, Timeline, WorkerLanes } from '../../model/timeline';
import { axisMarks, blockLabel } from '../../model/timeline';
import type { Worker } from '../../model/types';
import { shortPlatform } from '../../model/build';
import { axis, seconds } from '../../format/time';
import { to } from '../../frame/router';

function labelOf(block: Block): string {
  return `${blockLabel(block)}${block.replica > 0 ? `, execution ${block.replica + 1}` : ''}`;
}

function wordsOf(block: Block): string {
  return [
    labelOf(block),
    block.emulated ? 'emulated' : '',
    block.running ? `runs for ${seconds(block.end - block.start)}` : seconds(block.end - block.start),
    block.failed ? 'failed' : '',
    block.differs ? 'bytes differ' : '',
    block.critical ? 'on the critical path' : '',
  ].filter(Boolean).join(' · ');
}

function BlockBar({ block, total, build }: { block: Block; total: number; build: number }) {
  const width = (100 * (block.end - block.start)) / total;
  const classes = ['bk', block.emulated && 'em', block.replica > 0 && 'rp', block.differs && 'df', block.critical && 'cp', block.running && 'rn', block.failed && 'fl', width < 3 && 's'];
  return (
    <a
      class={classes.filter(Boolean).join(' ')}
      href={to(['builds', build, 'log'], { step: `${block.stage.index}.${block.firstStep}` })}
      tabIndex={-1}
      style={{ '--x': (100 * block.start) / total, '--w': width, '--l': block.lane }}
      data-at={block.worker}
      data-say={wordsOf(block)}
      aria-label={wordsOf(block)}
    >
      {width >= 3 && <span>{labelOf(block)}</span>}
    </a>
  );
}

function hostNote(worker: Worker | undefined): string {
  if (!worker) return '';
  const native = worker.platforms.filter((each) => !each.emulated).map((each) => shortPlatform(each.platform));
  return `${worker.host} · ${native.join(', ')}, ${worker.cpus} cpus`;
}

function Lane({ lane, total, build, worker }: { lane: WorkerLanes; total: number; build: number; worker?: Worker }) {
  return (
    <>
      <div class="w">
        {lane.worker || 'worker'} <small>{hostNote(worker)}</small>
      </div>
      <div class="ln" style={{ minHeight: `${Math.max(44, 10 + 20 * lane.lanes)}px` }}>
        {axisMarks(total).map((mark) => (
          <i key={mark} class="gl" style={{ '--x': (100 * mark) / total }} />
        ))}
        {lane.blocks.map((block) => (
          <BlockBar key={`${block.stage.index}/${block.firstStep}/${block.replica}`} block={block} total={total} build={build} />
        ))}
      </div>
    </>
  );
}

/** Parts next to each other that are short become one, so that every label can be read. */
const LEAST_SHARE = 0.03;

function CriticalPath({ timeline }: { timeline: Timeline }) {
  const { path, total } = timeline;
  if (path.length === 0) return null;
  const shown: { seconds: number; label: string; note: string }[] = [];
  let rest = 0;
  let restCount = 0;
  const close = () => {
    if (restCount > 0) shown.push({ seconds: rest, label: restCount === 1 ? 'a short one' : `${restCount} short ones`, note: '' });
    rest = 0;
    restCount = 0;
  };
  for (const part of path) {
    if (part.seconds < total / 200 && path.length > 1) continue;
    if (part.seconds < total * LEAST_SHARE && path.length > 8) {
      rest += part.seconds;
      restCount += 1;
    } else {
      close();
      shown.push(part);
    }
  }
  close();
  return (
    <div class="cpath" role="list" aria-label="Critical path">
      {shown.map((part, i) => (
        <div key={i} role="listitem" style={{ flexGrow: Math.max(1, Math.round((100 * part.seconds) / total)) }}>
          <b>{seconds(part.seconds)}</b> {part.label}
          <span>{part.note}</span>
        </div>
      ))}
    </div>
  );
}

export function TimelineChart({ timeline, build, workers }: { timeline: Timeline; build: number; workers: readonly Worker[] }) {
  const { total } = timeline;
  const blocks = timeline.workers.flatMap((lane) => lane.blocks);
  const has = (test: (block: Block) => boolean) => blocks.some(test);
  return (
    <>
      <div class="tl">
        <span />
        <div class="ax" aria-hidden="true">
          {axisMarks(total).map((mark) => (
            <span key={mark} style={{ left: `${(100 * mark) / total}%` }}>
              {axis(mark)}
            </span>
          ))}
          <span style={{ left: '100%' }}>{seconds(total)}</span>
        </div>
        {timeline.workers.map((lane) => (
          <Lane key={lane.worker} lane={lane} total={total} build={build} worker={workers.find((each) => each.name === lane.worker)} />
        ))}
      </div>
      <p class="leg">
        <span><i class="l1" />executed</span>
        {has((block) => block.emulated) && <span><i class="l2" />emulated</span>}
        {has((block) => block.replica > 0) && <span><i />second execution</span>}
        {has((block) => block.differs) && <span><i class="l4" />bytes differ</span>}
        {has((block) => block.running) && <span><i class="l6" />running</span>}
        <span><i class="l5" />critical path</span>
      </p>
      <CriticalPath timeline={timeline} />
    </>
  );
}
