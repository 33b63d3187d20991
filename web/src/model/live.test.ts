import { describe, expect, it } from 'vitest';
import { build, entry, NOW } from '../test/fixture';
import { build as decodeBuild } from '../api/decode';
import { applyEvents, recordOf, timesTold, withBuild } from './build_model';
import { axisMarks, timelineOf } from './timeline';
import { EventParser } from '../api/event_stream';

const { build: whole, events } = entry('412');
const bare = () => recordOf(decodeBuild({ id: '412', createdAt: whole.createdAt, options: whole.options, status: 'BUILD_STATUS_QUEUED' }));

/** A record of before steps told their times. */
const without = <T>(value: T): T => JSON.parse(JSON.stringify(value, function (this: object, key, part) {
  const isStep = 'instruction' in this || 'replica' in this;
  return key === 'plannedAt' || (isStep && (key === 'startedAt' || key === 'finishedAt')) ? undefined : part;
})) as T;
const silent = decodeBuild(without(whole));
const untold = without(events);

describe('events', () => {
  it('add up to the view', () => {
    const record = applyEvents(bare(), events);
    const expected = build('412');
    expect(record.build.status).toBe('succeeded');
    expect(record.build.cells).toEqual(expected.cells);
    expect(record.build.stages).toEqual(expected.stages);
    expect(record.lastEvent).toBe(events.length);
  });
  it('change nothing when they come again', () => {
    const once = applyEvents(bare(), events.slice(0, 30));
    const again = applyEvents(once, events.slice(10, 30));
    expect(again.build).toEqual(once.build);
    expect([...again.spans]).toEqual([...once.spans]);
  });
  it('only fill in times below a view that does not tell them', () => {
    expect(timesTold(silent)).toBe(false);
    const record = applyEvents(recordOf(silent), untold);
    expect(record.build).toEqual(silent);
    expect(record.spans.size).toBeGreaterThan(15);
  });
  it('lead to the times that the steps tell', () => {
    const told = [...recordOf(build('412')).spans].sort();
    expect(timesTold(build('412'))).toBe(true);
    for (const record of [applyEvents(bare(), events), applyEvents(recordOf(silent), untold)]) {
      const spans = [...record.spans].sort();
      expect(spans.map(([key]) => key)).toEqual(told.map(([key]) => key));
      spans.forEach(([, span], i) => {
        expect(span.start).toBeCloseTo(told[i]![1].start, 0);
        expect(span.end).toBeCloseTo(told[i]![1].end, 0);
      });
    }
  });
  it('that a view is already behind take nothing back', () => {
    const whole = recordOf(build('412'));
    expect([...applyEvents({ ...whole, lastEvent: 0 }, events.slice(0, 40)).spans]).toEqual([...whole.spans]);
  });
  it('do not take an older view for a newer one', () => {
    const record = applyEvents(bare(), events);
    expect(withBuild(record, { ...record.build, status: 'running', lastEvent: 3 }).build.status).toBe('succeeded');
  });
});

describe('an execution', () => {
  const ran = (change: object) => {
    const one = build('412');
    one.stages[0]!.steps = [{ ...one.stages[0]!.steps.find((each) => each.status === 'executed')!, replicas: [], ...change }];
    one.stages.length = 1;
    return [...recordOf(one).spans.values()];
  };
  it('began no later than its seconds say', () => {
    const [late] = ran({ startedAt: 5_000_000, finishedAt: 5_000_000, seconds: 4 });
    expect(late).toMatchObject({ start: 4_996_000, end: 5_000_000 });
  });
  it('that was given up with its build has ended with it', () => expect(ran({ status: 'running', finishedAt: 0 })[0]?.end).toBe(build('412').finishedAt));
  it('of an earlier build is none of this one', () => expect(ran({ status: 'cached' })).toEqual([]));
});

describe('timeline', () => {
  const record = recordOf(build('412'));
  const timeline = timelineOf(record, NOW);
  it('has lanes by worker', () => expect(timeline?.workers.map((lane) => lane.worker)).toEqual(['w1', 'w2', 'w3', 'w4']));
  it('finds the critical path', () => {
    const labels = timeline?.path.map((part) => part.label);
    expect(labels?.[0]).toBe('plan and queue');
    expect(labels).toContain('riscv64 builder 2');
    expect(labels).toContain('riscv64 builder 5');
    expect(labels?.some((label) => label.startsWith('riscv64 stage-2'))).toBe(true);
    expect(labels?.at(-1)).toBe('assemble');
    expect([...(timeline?.criticalEdges ?? [])]).toEqual(['2>6']);
    const sum = timeline?.path.reduce((total, part) => total + part.seconds, 0) ?? 0;
    expect(Math.abs(sum - 482)).toBeLessThan(3);
  });
  it('marks what differs and what is a repetition', () => {
    const blocks = timeline?.workers.flatMap((lane) => lane.blocks) ?? [];
    expect(blocks.filter((block) => block.differs).map((block) => [block.worker, block.replica])).toEqual([['w3', 0], ['w4', 1]]);
  });
  it('lets no two tasks of a lane overlap', () => {
    const task = (block: { stage: { index: number }; replica: number }) => `${block.stage.index}/${block.replica}`;
    for (const lane of timeline?.workers ?? []) {
      for (const a of lane.blocks) for (const b of lane.blocks) if (task(a) !== task(b) && a.lane === b.lane && a.start <= b.start) expect(a.end).toBeLessThanOrEqual(b.start + 1e-6);
    }
  });
  it('is not there without times', () => expect(timelineOf(recordOf(silent), NOW)).toBeUndefined());
  it('has round marks', () => {
    expect(axisMarks(482)).toEqual([0, 60, 120, 180, 240, 300, 360, 420]);
    expect(axisMarks(9).length).toBeLessThanOrEqual(10);
  });
});

describe('server-sent events', () => {
  it('come in pieces of any size', () => {
    const text = ': hello\n\nid: 4\nevent: event\ndata: {"a":1}\n\nid: 5\r\ndata: x\r\ndata: y\r\n\r\nevent: end\ndata: {}\n\n';
    for (const size of [1, 2, 7, 1000]) {
      const parser = new EventParser();
      const found = [];
      for (let i = 0; i < text.length; i += size) found.push(...parser.push(text.slice(i, i + size)));
      expect(found).toEqual([
        { id: '4', type: 'event', data: '{"a":1}' },
        { id: '5', type: 'message', data: 'x\ny' },
        { id: '5', type: 'end', data: '{}' },
      ]);
    }
  });
});
