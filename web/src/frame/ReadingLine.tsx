// The line at the bottom: all about what the pointer or the focus is on. Elements say it themselves:
// data-at (what it is), data-say (all about it), data-keys (what can be pressed).
import { useEffect, useState } from 'preact/hooks';

interface Words {
  at: string;
  say: string;
  keys: string;
}

let idle: Words = { at: '', say: '', keys: '' };
let refresh: (words: Words, isIdle: boolean) => void = () => {};

/** What stands there while nothing is pointed at. */
export function setIdleWords(at: string, say: string, keys = '? keys'): void {
  idle = { at, say, keys };
  refresh(idle, true);
}

function wordsOf(target: EventTarget | null): Words | undefined {
  const element = target instanceof Element ? target.closest<HTMLElement | SVGElement>('[data-say]') : null;
  if (!element) return undefined;
  return { at: element.dataset.at ?? '', say: element.dataset.say ?? '', keys: element.dataset.keys ?? '' };
}

export function ReadingLine() {
  const [state, setState] = useState({ words: idle, isIdle: true });
  useEffect(() => {
    refresh = (words, isIdle) => setState({ words, isIdle });
    refresh(idle, true);
    const show = (event: Event) => {
      const words = wordsOf(event.target) ?? (event.type === 'mouseover' ? wordsOf(document.activeElement) : undefined);
      setState({ words: words ?? idle, isIdle: !words });
    };
    document.addEventListener('mouseover', show);
    document.addEventListener('focusin', show);
    document.addEventListener('touchstart', show, { passive: true });
    return () => {
      document.removeEventListener('mouseover', show);
      document.removeEventListener('focusin', show);
      document.removeEventListener('touchstart', show);
    };
  }, []);
  const { words, isIdle } = state;
  return (
    <aside id="read" class={isIdle ? 'idle' : ''} aria-label="Details of what is pointed at">
      <b>{words.at}</b>
      <span>{words.say}</span>
      <span class="keys">{words.keys}</span>
    </aside>
  );
}
