import type { Sentence } from '../model/sentence';
import { Glyph } from './Glyph';

export function Pieces({ sentence }: { sentence: Sentence }) {
  return (
    <>
      {sentence.map((piece, i) => {
        if (typeof piece === 'string') return piece;
        const text = piece.code ? <code>{piece.text}</code> : piece.text;
        if (!piece.tone && !piece.glyph) return <span key={i}>{text}</span>;
        return (
          <span key={i} class={piece.tone ?? ''}>
            {piece.glyph && <Glyph name={piece.glyph} tone={piece.tone} />}
            {piece.glyph && ' '}
            {text}
          </span>
        );
      })}
    </>
  );
}

/** The sentence first. */
export function Lede({ sentence }: { sentence: Sentence }) {
  return (
    <h1 class="lede">
      <Pieces sentence={sentence} />
    </h1>
  );
}
