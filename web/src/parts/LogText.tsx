import type { AnsiSpan } from '../model/ansi';

/** Spans of a console line, with the search marked; text only, whatever the console wrote. */
export function LogText({ spans, search = '' }: { spans: readonly AnsiSpan[]; search?: string }) {
  return (
    <>
      {spans.map((span, i) => (
        <span key={i} class={span.style || undefined}>
          {search ? marked(span.text, search) : span.text}
        </span>
      ))}
    </>
  );
}

function marked(text: string, search: string) {
  const pieces = [];
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  let at = 0;
  for (let found = lower.indexOf(wanted); found >= 0; found = lower.indexOf(wanted, at)) {
    if (found > at) pieces.push(text.slice(at, found));
    pieces.push(<mark key={found}>{text.slice(found, found + wanted.length)}</mark>);
    at = found + wanted.length;
  }
  pieces.push(text.slice(at));
  return pieces;
}
