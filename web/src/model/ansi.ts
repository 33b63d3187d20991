// A small state machine for what consoles write: colours and weights (SGR), carriage returns, links (OSC 8, of which only
// the text stays). Its state goes on from line to line; it gives spans, never markup.

export interface AnsiState {
  colour: string;
  background: boolean;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
}

export interface AnsiSpan {
  text: string;
  /** Class names, empty for plain text. */
  style: string;
}

export const PLAIN: AnsiState = { colour: '', background: false, bold: false, dim: false, italic: false, underline: false };

function styleOf(state: AnsiState): string {
  const names = [];
  if (state.colour) names.push(`a${state.colour}`);
  if (state.background) names.push('a7');
  if (state.bold) names.push('b');
  if (state.dim) names.push('a2');
  if (state.italic) names.push('a3');
  if (state.underline) names.push('a4');
  return names.join(' ');
}

/** 256 colours and true colour are not the page's: only their kind stays, as the nearest of eight. */
function extended(codes: readonly number[], at: number): { colour: string; used: number } {
  if (codes[at + 1] === 5) {
    const index = codes[at + 2] ?? 0;
    return { colour: index < 16 ? String(30 + (index % 8)) : '', used: 2 };
  }
  return { colour: '', used: codes[at + 1] === 2 ? 4 : 1 };
}

function applyCodes(state: AnsiState, text: string): AnsiState {
  let next = { ...state };
  const codes = text === '' ? [0] : text.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.background = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27 || code === 49) next.background = false;
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) next.colour = String(30 + (code % 10));
    else if (code === 39) next.colour = '';
    else if (code === 38 || code === 48) {
      const found = extended(codes, i);
      if (code === 38) next.colour = found.colour;
      i += found.used;
    }
  }
  return next;
}

// CSI ... final byte; OSC ... BEL or ST; other escapes; further control characters but tab.
// eslint-disable-next-line no-control-regex
const CONTROL = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[PX^_][^\x1b]*(?:\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]/g;

/** What a line looks like after its carriage returns: each writes over the beginning of what was there. */
export function overwritten(line: string): string {
  const trimmed = line.replace(/\r+$/, '');
  if (!trimmed.includes('\r')) return trimmed;
  // With escapes in it the columns are not known: the last piece that is not empty is what one sees.
  const pieces = trimmed.split('\r');
  // eslint-disable-next-line no-control-regex
  if (/\x1b/.test(trimmed)) return pieces.filter(Boolean).pop() ?? '';
  return pieces.reduce((shown, piece) => piece + shown.slice(piece.length), '');
}

export function ansiLine(line: string, state: AnsiState = PLAIN): { spans: AnsiSpan[]; state: AnsiState } {
  const text = overwritten(line);
  const spans: AnsiSpan[] = [];
  let current = state;
  let at = 0;
  const push = (piece: string) => {
    if (!piece) return;
    const style = styleOf(current);
    const last = spans[spans.length - 1];
    if (last && last.style === style) last.text += piece;
    else spans.push({ text: piece, style });
  };
  CONTROL.lastIndex = 0;
  for (let match = CONTROL.exec(text); match; match = CONTROL.exec(text)) {
    push(text.slice(at, match.index));
    if (match[2] === 'm') current = applyCodes(current, match[1] ?? '');
    at = match.index + match[0].length;
    if (match[0].length === 0) CONTROL.lastIndex += 1;
  }
  push(text.slice(at));
  return { spans, state: current };
}

/** Without any of it: what is searched and copied. */
export function ansiText(line: string): string {
  return overwritten(line).replace(CONTROL, '');
}

const ERROR = /\b(?:error|fatal|failed|exception|traceback|undefined reference|no such file|cannot find|not found)\b/i;
const NO_ERROR = /\b(?:0 errors?|no errors?|0 failed|error-free|errors? ?[:=] ?0|-Werror|warning:)\b/i;

/** A line that a person who looks for the failure wants to see. */
export function looksLikeError(text: string): boolean {
  return ERROR.test(text) && !NO_ERROR.test(text) && /(?:^|\s|\[|:)(?:fatal |internal )?(?:error|fatal|exception|traceback|failed)(?![-.\w])/i.test(text);
}
