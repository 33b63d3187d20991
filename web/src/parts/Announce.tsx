import { useEffect, useRef, useState } from 'preact/hooks';

/** One polite region per view: says a change at most once in ten seconds, and nothing when it first comes. */
export function Announce({ text }: { text: string }) {
  const [said, setSaid] = useState('');
  const first = useRef(text);
  const last = useRef(0);
  useEffect(() => {
    if (text === first.current && said === '') return;
    const wait = Math.max(0, last.current + 10_000 - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setSaid(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <p class="vh" aria-live="polite">
      {said}
    </p>
  );
}
