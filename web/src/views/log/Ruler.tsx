// The strip at the right: errors and matches of the whole console, and the scroll bar.
import { useEffect, useRef } from 'preact/hooks';

interface RulerProps {
  errors: readonly number[];
  matches: readonly number[];
  /** Share of the height at which a line stands, 0 to 1. */
  place: (line: number) => number;
  scroller: () => HTMLElement | null;
}

const MOST = 400;

/** So many marks that one sees them, no more: neighbours would lie on each other. */
function thinned(numbers: readonly number[]): readonly number[] {
  const step = Math.ceil(numbers.length / MOST);
  return step > 1 ? numbers.filter((_, i) => i % step === 0) : numbers;
}

export function Ruler({ errors, matches, place, scroller }: RulerProps) {
  const thumb = useRef<HTMLElement>(null);
  const strip = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const list = scroller();
    if (!list) return;
    const follow = () => {
      const size = list.scrollHeight || 1;
      const height = Math.max(0.02, Math.min(1, list.clientHeight / size));
      if (!thumb.current) return;
      thumb.current.style.height = `${100 * height}%`;
      thumb.current.style.top = `${100 * Math.min(1 - height, list.scrollTop / size)}%`;
    };
    follow();
    list.addEventListener('scroll', follow, { passive: true });
    const watch = new ResizeObserver(follow);
    watch.observe(list);
    if (list.firstElementChild) watch.observe(list.firstElementChild);
    return () => {
      list.removeEventListener('scroll', follow);
      watch.disconnect();
    };
  });
  const drag = (event: PointerEvent) => {
    const list = scroller();
    const box = strip.current?.getBoundingClientRect();
    if (!list || !box || (event.type === 'pointermove' && event.buttons === 0)) return;
    if (event.type === 'pointerdown') strip.current?.setPointerCapture(event.pointerId);
    const share = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    list.scrollTop = share * list.scrollHeight - list.clientHeight / 2;
  };
  return (
    <div class="mini" ref={strip} aria-hidden="true" onPointerDown={drag} onPointerMove={drag}>
      <b ref={thumb} />
      {thinned(matches).map((number) => (
        <i key={`m${number}`} class="mk" style={{ '--y': 100 * place(number) }} />
      ))}
      {thinned(errors).map((number) => (
        <i key={`e${number}`} class="er" style={{ '--y': 100 * place(number) }} />
      ))}
    </div>
  );
}
