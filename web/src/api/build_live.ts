// A build that follows its own events behind its view, with a loss in between if need be. One that has ended is its view; the
// events of a record whose steps do not tell their times are asked from the first on.
import { useEffect, useState } from 'preact/hooks';
import type * as wire from './wire';
import { followStream, type StreamState } from './event_stream';
import { useBuildView } from './queries';
import { applyEvents, isFinished, recordOf, timesTold, withBuild, type BuildRecord } from '../model/build_model';

export interface LiveBuild {
  record?: BuildRecord;
  state: StreamState;
  error: Error | null;
  retry: () => void;
}

/** Events of one moment are applied together, so that the past of a large build is one change of the page. */
const TOGETHER = 60;

function eventOf(data: string): wire.BuildEvent | undefined {
  try {
    const event = JSON.parse(data) as wire.BuildEvent;
    return event.number ? event : undefined;
  } catch {
    return undefined;
  }
}

export function useLiveBuild(id: string): LiveBuild {
  const query = useBuildView(id);
  const [record, setRecord] = useState<BuildRecord>();
  const [state, setState] = useState<StreamState>('connecting');
  const fetched = query.data;

  useEffect(() => {
    setRecord(undefined);
  }, [id]);

  useEffect(() => {
    if (fetched) setRecord((old) => (old && old.build.id === fetched.id ? withBuild(old, fetched) : recordOf(fetched)));
  }, [fetched]);

  const ready = fetched !== undefined && String(fetched.id) === id;
  useEffect(() => {
    if (!ready) return;
    const told = timesTold(fetched);
    if (told && isFinished(fetched.status)) {
      setState('ended');
      return;
    }
    const abort = new AbortController();
    let waiting: wire.BuildEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const events = waiting;
      waiting = [];
      if (!abort.signal.aborted) setRecord((old) => old && applyEvents(old, events));
    };
    void followStream(`builds/${id}/events`, {
      signal: abort.signal,
      after: told && fetched.lastEvent > 0 ? String(fetched.lastEvent) : undefined,
      onState: setState,
      onEvent: (event) => {
        const news = event.type === 'event' ? eventOf(event.data) : undefined;
        if (news) waiting.push(news);
        if (waiting.length > 0) timer ??= setTimeout(flush, TOGETHER);
        if (event.type === 'end' && fetched && !isFinished(fetched.status)) void query.refetch();
      },
    });
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, ready]);

  return { record, state, error: query.error, retry: () => void query.refetch() };
}
