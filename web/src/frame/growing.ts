// What is long comes piece by piece, so that what one sees first is there first.
import { useEffect, useState } from 'preact/hooks';

/** How many of `total` are shown: `first` at once, then more after each painted frame. */
export function useGrowing(total: number, first: number, step: number): number {
  const [shown, setShown] = useState(first);
  useEffect(() => {
    if (shown >= total) return;
    const timer = setTimeout(() => setShown((old) => old + step), 16);
    return () => clearTimeout(timer);
  }, [shown, total]);
  return Math.min(shown, total);
}

/** False in the first frame: what stands below the window's edge can wait for it. */
export function useLater(): boolean {
  const [later, setLater] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), 30);
    return () => clearTimeout(timer);
  }, []);
  return later;
}
