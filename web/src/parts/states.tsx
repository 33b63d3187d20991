// What stands in place of something that is not there: it loads, it failed, there is none.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Problem } from '../api/client';
import { Glyph } from './Glyph';
import { CopyButton } from './CopyButton';

/** Nothing for 200 ms, then plain lines of the right height. */
export function Loading({ rows = 6, height = 24 }: { rows?: number; height?: number }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="wait" role="status" aria-busy="true">
      <span class="vh">loading</span>
      {shown && Array.from({ length: rows }, (_, i) => <div key={i} class="waitline" style={{ height: `${height}px` }} />)}
    </div>
  );
}

interface FailedProps {
  error: Error;
  what: string;
  retry?: () => void;
  /** It is only a part of its view that failed. */
  part?: boolean;
}

export function Failed({ error, what, retry, part }: FailedProps) {
  const problem = error instanceof Problem ? error : undefined;
  return (
    <div class="problem" role="alert">
      {part ? (
        <p>
          <Glyph name="bad" tone="bad" /> <b>{what} could not be read.</b>
        </p>
      ) : (
        <h1 class="lede">
          <Glyph name="bad" tone="bad" /> {what} could not be read.
        </h1>
      )}
      <p>{problem?.status === 401 ? 'This browser has no session, or it has ended. Open the link that crossmill up prints.' : error.message}</p>
      <p class="i3">
        {problem && problem.status > 0 && <span>status {problem.status} </span>}
        {problem?.requestId && <span>request {problem.requestId} </span>}
        {retry && (
          <button class="btn" type="button" onClick={retry}>
            Retry
          </button>
        )}
      </p>
    </div>
  );
}

/** One sentence and the command that changes it. */
export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {command && (
        <p>
          <code class="cmd">{command}</code> <CopyButton text={command} label="Copy command" />
        </p>
      )}
    </div>
  );
}
