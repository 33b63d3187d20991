// The page's addresses live in the hash: #builds?q=status:failed, #builds/412, #builds/412/log?step=1.5. The server needs
// to know nothing of them, and the search field, filters, folds and line ranges are all in there.
import { useSyncExternalStore } from 'preact/compat';
import { useMemo } from 'preact/hooks';

export interface Place {
  path: string;
  query: URLSearchParams;
}

export function parsePlace(hash: string): Place {
  const rest = hash.replace(/^#\/?/, '');
  const mark = rest.indexOf('?');
  const path = (mark < 0 ? rest : rest.slice(0, mark)).replace(/\/+$/, '');
  return { path: `/${path || 'wall'}`, query: new URLSearchParams(mark < 0 ? '' : rest.slice(mark + 1)) };
}

/** An address for `href`: to('builds', 412, 'log') and what is to stand behind the question mark. */
export function to(parts: readonly (string | number)[], query: Record<string, string | undefined> = {}): string {
  const path = parts.map((part) => encodeURIComponent(part)).join('/');
  return `#${path}${queryText(new URLSearchParams(Object.entries(query).filter((each): each is [string, string] => !!each[1])))}`;
}

/** Readable: colons, slashes and commas stay. */
function queryText(query: URLSearchParams): string {
  const text = query.toString().replace(/%3A/gi, ':').replace(/%2F/gi, '/').replace(/%2C/gi, ',').replace(/%3E/gi, '>');
  return text ? `?${text}` : '';
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return useMemo(() => parsePlace(hash), [hash]);
}

/** For wouter: where we are, and how to get elsewhere. */
export function useHashPath(): [string, (path: string) => void] {
  const place = usePlace();
  return [place.path, (path) => go(path.replace(/^\//, '#'))];
}

/** A step: back leads here again. */
export function go(hash: string): void {
  location.hash = hash;
}

/** A change of the same view, such as of a filter: back does not stop at each of them. */
export function setQuery(changes: Record<string, string | undefined>, push = false): void {
  const place = parsePlace(location.hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value) place.query.set(name, value);
    else place.query.delete(name);
  }
  const hash = `#${place.path.slice(1)}${queryText(place.query)}`;
  if (hash === location.hash) return;
  if (push) location.hash = hash;
  else {
    history.replaceState(history.state, '', hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
  }
}
