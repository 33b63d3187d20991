// A button that asks the farm for one thing: it waits for the answer, and a refusal stands beside it.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useQueryClient } from '@tanstack/preact-query';
import { postJson } from '../api/client';

interface Props {
  path: string;
  /** What is to be read again when it is done. */
  changes: readonly (readonly string[])[];
  /** Before the reason of a refusal. */
  problemPrefix: string;
  label: string;
  small?: boolean;
  at?: string;
  say?: string;
  children: ComponentChildren;
}

export function PostButton({ path, changes, problemPrefix, label, small, at, say, children }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const client = useQueryClient();
  const act = async () => {
    setBusy(true);
    setProblem('');
    try {
      await postJson(path);
      await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey })));
    } catch (error) {
      setProblem(`${problemPrefix}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button class={small ? 'btn mini' : 'btn'} type="button" disabled={busy} aria-label={label} data-at={at} data-say={say} onClick={() => void act()}>
        {children}
      </button>
      {problem && (
        <span class="bad" role="alert">
          {problem}
        </span>
      )}
    </>
  );
}
