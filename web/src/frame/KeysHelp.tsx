import { useEffect, useRef } from 'preact/hooks';
import { toggleZone, useZone } from './settings';

const KEYS: [string, string][] = [
  ['/', 'filter or search'],
  ['g w, g b, g p', 'wall, builds, packages'],
  ['g k, g t, g s', 'workers, trends, submit'],
  ['j, k', 'next and previous row'],
  ['arrows', 'cells of a matrix'],
  ['Enter', 'open'],
  ['n, N', 'next and previous difference, failure or match'],
  ['e', 'next error of a log'],
  ['l', 'log'],
  ['c', 'compare'],
  ['y', 'copy the command'],
  ['t, w, f', 'times, wrap, follow in a log'],
  ['?', 'these keys'],
];

export function KeysHelp({ open, close }: { open: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const zone = useZone();
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) element.show();
    if (!open && element.open) element.close();
    if (open) element.querySelector('button')?.focus();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="keyhelp"
      aria-label="Keys"
      onClose={close}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <h2>Keys</h2>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>
        <button class="btn" type="button" onClick={close}>
          Close
        </button>{' '}
        <button class="btn" type="button" aria-pressed={zone === 'utc'} onClick={toggleZone}>
          Times in UTC
        </button>
      </p>
    </dialog>
  );
}
