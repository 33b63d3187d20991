// What should be the same on every platform, compared between the platforms of a build: paths that differ, and where in them.
import type { Neutral, NeutralDifference } from '../../model/types';
import { differenceText, kindText, neutralNote } from '../../model/neutral';
import { count, joined, plural } from '../../format/number';
import { Glyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';
import { SideBySide } from '../compare/SideBySide';

function Row({ each, first }: { each: NeutralDifference; first: string }) {
  const { difference, example } = each;
  return (
    <details class="nd">
      <summary data-row data-at={each.kind} data-say={`/${difference.path} · ${differenceText(each)}`}>
        <Glyph name="ne" tone="ne" label="differs" /> <code>/{difference.path}</code> <span class="i2">{each.kind}</span> <span class="i3">{differenceText(each)}</span>
      </summary>
      <p class="i2">
        {first} {difference.firstBytes === undefined ? '' : `${count(difference.firstBytes)} bytes`}, {each.platform} {difference.secondBytes === undefined ? '' : `${count(difference.secondBytes)} bytes`}
        {difference.detail && `; ${difference.detail}`}
      </p>
      {example ? <SideBySide example={example} titles={[first, each.platform]} /> : <p class="i3">What differs in it was not looked at, or only its metadata does.</p>}
    </details>
  );
}

export function AcrossPlatforms({ neutral }: { neutral: Neutral }) {
  const hidden = neutral.differencesTotal - neutral.differences.length;
  return (
    <Section id="across" title="Across platforms" note={neutralNote(neutral)}>
      <p class="i2">What should be the same on {joined(neutral.platforms)}: other paths may differ between platforms, and are not compared.</p>
      <dl class="facts">
        {neutral.kinds.map((kind) => (
          <div key={kind.kind}>
            <dt>{kind.kind}</dt>
            <dd>
              <Glyph name={kind.equal === kind.compared ? 'eq' : 'ne'} tone={kind.equal === kind.compared ? 'ok' : 'ne'} /> {kindText(kind)}
            </dd>
          </div>
        ))}
      </dl>
      {neutral.differences.map((each) => (
        <Row key={`${each.platform} ${each.difference.path}`} each={each} first={neutral.platforms[0] ?? ''} />
      ))}
      {hidden > 0 && <p class="i3">{plural(hidden, 'more path')} not on record.</p>}
      {neutral.problem && <p class="i2">Not compared: {neutral.problem}</p>}
    </Section>
  );
}
