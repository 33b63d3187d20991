// Server-sent events by fetch: unlike EventSource it can resume after an answer that was an error, and it tells how
// the connection is.
import { apiUrl } from './client';

export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** The parser of the format: takes pieces of text as they come, gives whole events. */
export class EventParser {
  private rest = '';
  private id = '';
  private type = '';
  private data: string[] = [];

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    this.rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      if (line !== '') this.field(line);
      else if (this.data.length > 0 || this.type !== '') {
        events.push({ id: this.id, type: this.type || 'message', data: this.data.join('\n') });
        this.type = '';
        this.data = [];
      }
    }
  }

  private field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') this.id = value;
    else if (name === 'event') this.type = value;
    else if (name === 'data') this.data.push(value);
  }
}

export type StreamState = 'connecting' | 'open' | 'lost' | 'ended';

export interface StreamOptions {
  query?: Record<string, string | number | undefined>;
  /** Resume behind this one. */
  after?: string;
  onEvent: (event: ServerEvent) => void;
  onState?: (state: StreamState) => void;
  signal: AbortSignal;
}

const SLOWEST = 15_000;
/** The server says something every 15 s; whoever is silent for longer is gone, though nobody said so. */
const SILENCE = 45_000;

/** Follows a stream until it ends or is aborted; after a loss it resumes behind the last event. A hidden tab follows none:
 * when it is shown again, the stream goes on behind the last event. */
export async function followStream(path: string, options: StreamOptions): Promise<void> {
  let last = options.after ?? '';
  let delay = 500;
  while (!options.signal.aborted) {
    await shown(options.signal);
    if (options.signal.aborted) return;
    options.onState?.('connecting');
    const outcome = await readOnce(path, last, options, (event) => {
      if (event.id) last = event.id;
      delay = 500;
      options.onEvent(event);
    });
    if (outcome === 'ended' || options.signal.aborted) {
      options.onState?.('ended');
      return;
    }
    if (outcome === 'hidden') continue;
    options.onState?.('lost');
    await sleep(delay, options.signal);
    delay = Math.min(SLOWEST, delay * 2);
  }
}

async function readOnce(
  path: string,
  last: string,
  options: StreamOptions,
  onEvent: (event: ServerEvent) => void,
): Promise<'ended' | 'lost' | 'hidden'> {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  const stopIfHidden = () => hidden() && stop();
  let silence = setTimeout(stop, SILENCE);
  options.signal.addEventListener('abort', stop);
  if (hasDocument) document.addEventListener('visibilitychange', stopIfHidden);
  try {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (last) headers['last-event-id'] = last;
    const response = await fetch(apiUrl(path, options.query), { headers, signal: attempt.signal, credentials: 'same-origin' });
    if (response.status === 404 || response.status === 204) return 'ended';
    if (!response.ok || !response.body) return 'lost';
    options.onState?.('open');
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'lost';
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE);
      for (const event of parser.push(value)) {
        onEvent(event);
        if (event.type === 'end') {
          void reader.cancel();
          return 'ended';
        }
      }
    }
  } catch {
    return hidden() ? 'hidden' : 'lost';
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener('abort', stop);
    if (hasDocument) document.removeEventListener('visibilitychange', stopIfHidden);
  }
}

const hasDocument = typeof document !== 'undefined';

function hidden(): boolean {
  return hasDocument && document.visibilityState === 'hidden';
}

/** Until the tab is shown, or nobody waits any more. */
function shown(signal: AbortSignal): Promise<void> {
  if (!hidden()) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (hidden() && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
  });
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over);
  });
}
