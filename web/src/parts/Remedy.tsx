// What to do about something: a sentence, lines to add to the recipe, and a way to copy them.
import type { Range } from '../model/types';
import { CopyButton } from './CopyButton';

interface RemedyProps {
  text: string;
  lines: readonly string[];
  place?: Range;
  placeText?: string;
}

export function Remedy({ text, lines, place, placeText }: RemedyProps) {
  return (
    <div>
      <p class="b">Remedy</p>
      <p class="i2">
        {text ? `${text.replace(/\.$/, '')}.` : 'None is known.'}
        {lines.length > 0 && place && ` Put this before line ${place.first} of ${place.file}:`}
      </p>
      {lines.length > 0 && (
        <>
          <pre class="dfp" tabIndex={0}>
            {lines.map((line, i) => (
              <span key={i} class="ad">
                + {line}
              </span>
            ))}
            {placeText && (
              <span class="i3">
                {'  '}
                {placeText}
              </span>
            )}
          </pre>
          <p class="fixact">
            <CopyButton text={lines.join('\n')} label="Copy the lines" />
          </p>
        </>
      )}
    </div>
  );
}
