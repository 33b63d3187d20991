// One timer for everything that runs: times tick once a second, together.
import { useEffect, useState } from 'preact/hooks';

const listeners = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Milliseconds since 1970; changes once a second while `ticking`. */
export function useNow(ticking = true): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    listeners.add(setNow);
    timer ??= setInterval(() => {
      const at = Date.now();
      listeners.forEach((listener) => listener(at));
    }, 1000);
    return () => {
      listeners.delete(setNow);
      if (listeners.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    };
  }, [ticking]);
  return now;
}
