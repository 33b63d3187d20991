// The lines of one console, fetched in stretches as they come into view; what is far away is forgotten again.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { LogLine } from '../../model/types';
import { ansiLine, PLAIN, type AnsiSpan, type AnsiState } from '../../model/ansi';
import { readLog } from '../../api/logs';
import { followStream } from '../../api/event_stream';

const PAGE = 1000;
const MOST_PAGES = 60;

export interface ShownLine extends LogLine {
  spans: AnsiSpan[];
}

interface Page {
  lines: ShownLine[];
  end: AnsiState;
  used: number;
}

class Pages {
  private readonly pages = new Map<number, Page>();
  private readonly asked = new Map<number, Promise<void>>();
  private readonly stop = new AbortController();
  private clock = 0;
  private growing = false;
  private stale = false;
  total = 0;
  running = false;
  known = false;
  error: Error | undefined;
  start = 0;

  constructor(
    private readonly execution: string,
    private readonly changed: () => void,
  ) {}

  close(): void {
    this.stop.abort();
  }

  line(number: number): ShownLine | undefined {
    const index = Math.floor((number - 1) / PAGE);
    const page = this.pages.get(index);
    if (!page) {
      void this.load(index);
      return undefined;
    }
    page.used = ++this.clock;
    return page.lines[(number - 1) % PAGE];
  }

  /** Asks again for what may have grown; news that come meanwhile are asked for when that is done. */
  async grow(): Promise<void> {
    this.stale = true;
    if (this.growing) return;
    this.growing = true;
    while (this.stale && !this.stop.signal.aborted) {
      this.stale = false;
      const index = Math.floor(Math.max(0, this.total - 1) / PAGE);
      await this.load(index, true);
      if (this.total > (index + 1) * PAGE) await this.load(Math.floor((this.total - 1) / PAGE), true);
    }
    this.growing = false;
  }

  async load(index: number, again = false): Promise<void> {
    if (!this.execution) return;
    const pending = this.asked.get(index);
    if (again) await pending;
    else if (pending || this.pages.has(index)) return;
    const answer = this.ask(index).finally(() => this.asked.delete(index));
    this.asked.set(index, answer);
    await answer;
    if (!this.stop.signal.aborted) this.changed();
  }

  private async ask(index: number): Promise<void> {
    try {
      const answer = await readLog(this.execution, index * PAGE, PAGE, this.stop.signal);
      this.error = undefined;
      this.total = answer.total;
      this.running = answer.running;
      this.known = true;
      this.keep(index, answer.lines);
    } catch (error) {
      if (!this.stop.signal.aborted) this.error = error instanceof Error ? error : new Error(String(error));
    }
  }

  private keep(index: number, lines: readonly LogLine[]): void {
    let state = this.pages.get(index - 1)?.end ?? PLAIN;
    const shown = lines.map((line) => {
      const parsed = ansiLine(line.text, state);
      state = parsed.state;
      return { ...line, spans: parsed.spans };
    });
    this.pages.set(index, { lines: shown, end: state, used: ++this.clock });
    if (index === 0 && shown[0]) this.start = shown[0].time;
    if (this.pages.size > MOST_PAGES) {
      const [oldest] = [...this.pages].filter(([each]) => each !== 0).sort((a, b) => a[1].used - b[1].used);
      if (oldest) this.pages.delete(oldest[0]);
    }
  }
}

export type LogPages = Pages;

export function useLogPages(execution: string, live: boolean): { pages: LogPages; version: number } {
  const [version, setVersion] = useState(0);
  const pages = useMemo(() => new Pages(execution, () => setVersion((old) => old + 1)), [execution]);
  useEffect(() => {
    void pages.load(0);
    return () => pages.close();
  }, [pages]);
  useEffect(() => {
    if (!live || !execution) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grow = () => {
      timer = undefined;
      void pages.grow();
    };
    // The stream says that there is news; lines come with their numbers from the log itself.
    void followStream(`executions/${execution}/log/stream`, {
      signal: stop.signal,
      onEvent: () => (timer ??= setTimeout(grow, 250)),
    });
    return () => {
      stop.abort();
      clearTimeout(timer);
      // The step may end before its last lines were asked for.
      grow();
    };
  }, [pages, live]);
  return { pages, version };
}
