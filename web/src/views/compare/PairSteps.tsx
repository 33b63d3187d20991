// The steps of two builds as pairs: what is equal, what differs, what only one of them has; one leads to its differences.
import type { PairState, PairStep, PlatformPair } from '../../model/pair';
import { pairNote, stepsNote } from '../../model/pair';
import { stageLabel } from '../../model/build';
import type { Mark } from '../../parts/Glyph';
import { Glyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';
import { setQuery } from '../../frame/router';

const MARK: Record<PairState, Mark & { word: string }> = {
  equal: { name: 'eq', tone: 'ok', word: 'equal' },
  different: { name: 'ne', tone: 'ne', word: 'differs' },
  unknown: { name: 'inc', tone: 'q', word: 'not known' },
  'only-first': { name: 'one', tone: 'q', word: 'only in the first' },
  'only-second': { name: 'one', tone: 'q', word: 'only in the second' },
};

interface RowProps {
  step: PairStep;
  index: number;
  shown: boolean;
  parts: boolean;
}

function Row({ step, index, shown, parts }: RowProps) {
  const spot = step.first ?? step.second;
  const mark = MARK[step.state] ?? MARK.unknown;
  const note = [pairNote(step), step.state.startsWith('only') ? mark.word : '', parts ? 'they part here' : ''].filter(Boolean).join(', ');
  const opens = step.state === 'different' && step.compared >= 0;
  return (
    <tr class={shown ? 'sel' : ''} tabIndex={-1} data-row data-mark={step.state === 'different' || undefined} data-at={`${stageLabel({ name: spot?.stageName ?? '' })} ${spot?.number}`} data-say={[spot?.text, mark.word, note].filter(Boolean).join(' · ')}>
      <td>
        <Glyph name={mark.name} tone={mark.tone} label={mark.word} />
      </td>
      <td class="r i3">{step.first?.range?.first ?? ''}</td>
      <td class="r i3">{step.second?.range?.first ?? ''}</td>
      <td class="nw">{stageLabel({ name: spot?.stageName ?? '' })}</td>
      <td class="m pt">{spot?.text || 'FROM'}</td>
      <td class="i2 nw">
        {note}{' '}
        {opens && (
          <button class="btn mini" type="button" aria-pressed={shown} aria-label={`paths of ${spot?.text}`} onClick={() => setQuery({ step: String(index) })}>
            paths
          </button>
        )}
      </td>
    </tr>
  );
}

export function PairSteps({ pair, first, second, shown }: { pair: PlatformPair; first: number; second: number; shown: number }) {
  if (pair.steps.length === 0) return null;
  return (
    <Section id="steps" title="Steps" note={stepsNote(pair)}>
      <div class="scroll" tabIndex={0} role="region" aria-label="steps table">
        <table class="tree pair">
          <caption class="vh">Steps of both builds, with their lines</caption>
          <thead>
            <tr>
              <th scope="col">
                <span class="vh">equal?</span>
              </th>
              <th scope="col" class="r">
                #{first}
              </th>
              <th scope="col" class="r">
                #{second}
              </th>
              <th scope="col">stage</th>
              <th scope="col">step</th>
              <th scope="col">
                <span class="vh">what is known</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {pair.steps.map((step, i) => (
              <Row key={i} step={step} index={i} shown={i === shown} parts={i === pair.divergence} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
