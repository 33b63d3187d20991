// The sentence that a view opens with: pieces of text, some with a tone and a glyph. One function per view makes it.
import type { Tone } from '../parts/Glyph';

export interface Piece {
  text: string;
  tone?: Tone;
  glyph?: string;
  code?: boolean;
}

export type Sentence = (Piece | string)[];

/** As one reads it, for tests, titles and screen readers. */
export function plain(sentence: Sentence): string {
  return sentence.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join('');
}
