// Why it differs, and what to do: a cause only where a rule or the bytes know it.
import type { CauseGroup, Comparison, StepComparison, Witness } from '../../model/types';
import { differingPart, levelsOf } from '../../model/compare';
import { capital, count, plural } from '../../format/number';
import { Glyph } from '../../parts/Glyph';
import { Remedy } from '../../parts/Remedy';
import { Section } from '../../parts/Section';

/** "build-path" as a person says it. */
function className(name: string): string {
  return capital(name.replace(/-/g, ' '));
}

function Levels({ comparison }: { comparison: Comparison }) {
  const levels = levelsOf(comparison.level);
  const none = levels.every((each) => !each.equal);
  return (
    <p class="lad">
      <span>{none ? 'Nothing above the step is equal:' : 'Equal of the image:'}</span>
      {levels.map((each) => (
        <span key={each.level}>
          <Glyph name={each.equal ? 'eq' : 'ne'} tone={each.equal ? 'ok' : 'ne'} label={each.equal ? 'equal' : 'differs'} /> {each.level}
        </span>
      ))}
    </p>
  );
}

function Side({ title, offset, before, mark, after }: { title: string; offset: number; before: string; mark: string; after: string }) {
  return (
    <div>
      <header>{title}</header>
      <pre tabIndex={0} aria-label={title}>
        <span class="e">
          <i class="k">{offset.toString(16).padStart(4, '0')} </i>
          {before}
          <mark>{mark}</mark>
          {after}
        </span>
      </pre>
    </div>
  );
}

function ExampleView({ group, witnesses }: { group: CauseGroup; witnesses: readonly Witness[] }) {
  const { example } = group;
  if (!example || (!example.first && !example.second)) return null;
  const part = differingPart(example.first, example.second);
  const where = [group.paths[0]?.split('/').pop(), ...example.inside, example.place].filter(Boolean).join(' · ');
  const name = (i: number) => witnesses[i]?.worker ?? '';
  return (
    <>
      <p class="i2 exw">{where}</p>
      <div class="sbs">
        <Side title={`First, ${name(0)}`} offset={example.firstOffset} before={part.before} mark={part.first} after={part.after} />
        <Side title={`Second, ${name(1)}`} offset={example.secondOffset} before={part.before} mark={part.second} after={part.after} />
      </div>
    </>
  );
}

function Group({ group, witnesses }: { group: CauseGroup; witnesses: readonly Witness[] }) {
  const { cause } = group;
  const unknown = cause.class === 'unknown';
  const paths = `${plural(group.pathsTotal, 'path')}${group.derivedTotal > 0 ? `, ${count(group.derivedTotal)} more only because of ${group.pathsTotal === 1 ? 'it' : 'them'}` : ''}`;
  return (
    <div class="causeg">
      <div class="cause">
        <div>
          <p class="lede">{unknown ? 'Cause not known.' : `${className(cause.class)}.`}</p>
          <p class="i2 ev">{cause.evidence && `${capital(cause.evidence)}.`}</p>
          <p class="i3">
            {paths}
            {!unknown && cause.confidence !== 'unknown' && ` · ${cause.confidence}`}
            {cause.rule && ` · rule ${cause.rule}`}
          </p>
        </div>
        {(cause.remedy || cause.remedyLines.length > 0) && <Remedy text={cause.remedy} lines={cause.remedyLines} />}
      </div>
      <ExampleView group={group} witnesses={witnesses} />
    </div>
  );
}

function Inputs({ step }: { step: StepComparison }) {
  if (step.inputChanges.length === 0) return null;
  return (
    <>
      <p class="i2">They were not given the same:</p>
      <ul class="plain">
        {step.inputChanges.map((change, i) => (
          <li key={i}>
            {change.kind} <code>{change.name}</code>: {change.first || 'not given'} <Glyph name="drift" tone="drift" label="and" /> {change.second || 'not given'}
          </li>
        ))}
      </ul>
    </>
  );
}

export function Causes({ step, comparison }: { step: StepComparison; comparison: Comparison }) {
  if (step.agrees) return null;
  const known = step.causes.filter((group) => group.cause.class !== 'unknown').length;
  const note = step.causes.length < 2 ? '' : known === step.causes.length ? plural(known, 'cause') + ', the gravest first' : `${known} of ${step.causes.length} known`;
  return (
    <Section id="causes" title={step.causes.length === 1 ? 'Cause' : 'Causes'} note={note}>
      <Inputs step={step} />
      {step.causes.length === 0 && (
        <p class="lede">
          Cause not known. {step.causesProblem && <span class="i2">{step.causesProblem}</span>}
        </p>
      )}
      {step.causes.map((group, i) => (
        <Group key={i} group={group} witnesses={step.witnesses} />
      ))}
      <Levels comparison={comparison} />
      {comparison.circumstances && (
        <p class="i3">
          Circumstances: {comparison.circumstances.replace(/[.\s]+$/, '')}.
        </p>
      )}
    </Section>
  );
}
