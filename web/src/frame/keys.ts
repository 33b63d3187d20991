// Keys of the whole page. A letter presses the first visible element with data-key of that letter; rows have data-row,
// what n and N walk has data-mark, cells of a grid have data-cell.
import { go } from './router';

const PLACES: Record<string, string> = { w: '#wall', b: '#builds', p: '#packages', k: '#workers', t: '#trends', s: '#submit' };

let pending = false;
let pendingTimer: ReturnType<typeof setTimeout> | undefined;

function visible(selector: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(selector)].filter((each) => each.getClientRects().length > 0);
}

function focusOn(element: HTMLElement): void {
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: 'nearest' });
}

/** Moves the focus among the elements, from where it is now. */
export function step(selector: string, by: 1 | -1): boolean {
  const all = visible(selector);
  if (all.length === 0) return false;
  const here = document.activeElement;
  const at = all.findIndex((each) => each === here || each.contains(here));
  let next = at + by;
  if (at < 0 && here && here !== document.body) {
    const behind = all.findIndex((each) => (here.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0);
    next = by === 1 ? Math.max(0, behind) : (behind < 0 ? all.length : behind) - 1;
  } else if (at < 0) next = by === 1 ? 0 : all.length - 1;
  const target = all[(next + all.length) % all.length];
  if (target) focusOn(target);
  return true;
}

function press(letter: string): boolean {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const log = letter === 'l' ? focused?.closest<HTMLElement>('[data-log]')?.dataset.log : undefined;
  if (log) {
    go(log);
    return true;
  }
  const target = visible(`[data-key="${CSS.escape(letter)}"]`)[0];
  target?.click();
  return target !== undefined;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function focusSearch(): boolean {
  const field = visible('main [data-search]')[0] ?? visible('[data-search]')[0];
  if (!field) return false;
  field.focus();
  if (field instanceof HTMLInputElement) field.select();
  return true;
}

export function listenToKeys(help: () => void): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target)) {
      if (event.key === 'Escape') (event.target as HTMLElement).blur();
      return;
    }
    if (document.querySelector('dialog[open]') && event.key !== '?') return;
    if (act(event.key, help)) event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

function act(key: string, help: () => void): boolean {
  if (pending) {
    pending = false;
    clearTimeout(pendingTimer);
    const place = PLACES[key];
    if (place) go(place);
    return place !== undefined;
  }
  switch (key) {
    case '?':
      help();
      return true;
    case '/':
      return focusSearch();
    case 'g':
      pending = true;
      pendingTimer = setTimeout(() => (pending = false), 1500);
      return true;
    case 'j':
      return step('[data-row]', 1);
    case 'k':
      return step('[data-row]', -1);
    case 'n':
      return press('n') || step('[data-mark]', 1);
    case 'N':
      return press('N') || step('[data-mark]', -1);
    default:
      return /^[a-z]$/i.test(key) && press(key);
  }
}

const ARROWS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** For onKeyDown of a table of cells: one tab stop for all, arrows walk, Home and End go to the ends of a row. */
export function gridKeys(event: KeyboardEvent): void {
  const table = event.currentTarget as HTMLElement;
  const target = (event.target as HTMLElement).closest<HTMLElement>('[data-cell]');
  const arrow = ARROWS[event.key];
  if (!target || (!arrow && event.key !== 'Home' && event.key !== 'End')) return;
  const rows = [...table.querySelectorAll('tr')]
    .map((row) => [...row.querySelectorAll<HTMLElement>('[data-cell]')].filter((each) => each.getClientRects().length > 0))
    .filter((row) => row.length > 0);
  const y = rows.findIndex((row) => row.includes(target));
  const row = rows[y];
  if (!row) return;
  const next = arrow ? neighbour(rows, y, target, arrow) : event.key === 'Home' ? row[0] : row[row.length - 1];
  if (!next) return;
  event.preventDefault();
  setStop(table, next);
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function neighbour(rows: HTMLElement[][], y: number, target: HTMLElement, [down, right]: [number, number]): HTMLElement | undefined {
  const row = rows[y] ?? [];
  const x = row.indexOf(target);
  if (right) return row[Math.min(row.length - 1, Math.max(0, x + right))];
  const next = rows[Math.min(rows.length - 1, Math.max(0, y + down))] ?? [];
  const column = target.dataset.cell;
  return next.find((each) => each.dataset.cell === column) ?? next[Math.min(next.length - 1, x)];
}

/** Makes this cell the tab stop of its table. */
export function setStop(table: HTMLElement, cell: HTMLElement | null): void {
  for (const each of table.querySelectorAll<HTMLElement>('[data-cell][tabindex="0"]')) each.tabIndex = -1;
  if (cell) cell.tabIndex = 0;
}

/** After a change of the table: a tab stop there must be. */
export function keepStop(table: HTMLElement | null): void {
  if (!table || table.querySelector('[data-cell][tabindex="0"]')) return;
  setStop(table, table.querySelector('[data-cell]'));
}
