// What is long comes piece by piece, so that what one sees first is there first.
import { flushSync } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';

/** A page that nobody sees is not painted; it goes on anyway. */
const UNPAINTED = 250;

/** Calls back once, when what is there now has been painted; returns what keeps it from doing so. */
export function afterPaint(callback: () => void): () => void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    callback();
  };
  requestAnimationFrame(() => setTimeout(once));
  const timer = setTimeout(once, UNPAINTED);
  return () => {
    done = true;
    clearTimeout(timer);
  };
}

/** How many of `total` are shown: `first` at once, then more after each painted frame. */
export function useGrowing(total: number, first: number, step: number): number {
  const [shown, setShown] = useState(first);
  useEffect(() => {
    if (shown >= total) return;
    return afterPaint(() => setShown((old) => old + step));
  }, [shown, total]);
  // Who prints at once prints all of it.
  useEffect(() => {
    const all = () => flushSync(() => setShown(Infinity));
    addEventListener('beforeprint', all);
    return () => removeEventListener('beforeprint', all);
  }, []);
  return Math.min(shown, total);
}

/** False until the first frame is painted: what stands below the window's edge can wait for it. */
export function useLater(): boolean {
  const [later, setLater] = useState(false);
  useEffect(() => afterPaint(() => setLater(true)), []);
  return later;
}
