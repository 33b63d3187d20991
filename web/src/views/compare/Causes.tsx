// Why it differs, and what to do: a cause only where a rule or the bytes know it.
import type { CauseGroup, Comparison, StepComparison, Witness } from '../../model/types';
import { levelsOf } from '../../model/compare';
import { capital, count, plural } from '../../format/number';
import { Glyph } from '../../parts/Glyph';
import { Remedy } from '../../parts/Remedy';
import { Section } from '../../parts/Section';
import { SideBySide } from './SideBySide';

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

function ExampleView({ group, titles }: { group: CauseGroup; titles: readonly [string, string] }) {
  const { example } = group;
  if (!example || (!example.first && !example.second)) return null;
  const where = [group.paths[0]?.split('/').pop(), ...example.inside, example.place].filter(Boolean).join(' · ');
  return (
    <>
      <p class="i2 exw">{where}</p>
      <SideBySide example={example} titles={titles} />
    </>
  );
}

function Group({ group, titles }: { group: CauseGroup; titles: readonly [string, string] }) {
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
      <ExampleView group={group} titles={titles} />
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

function executionTitles(witnesses: readonly Witness[]): [string, string] {
  return [`First, ${witnesses[0]?.worker ?? ''}`, `Second, ${witnesses[1]?.worker ?? ''}`];
}

interface CausesProps {
  step: StepComparison;
  /** What else is known of the platform's executions. */
  comparison?: Comparison;
  /** Of the two sides, where they are not the executions of one build. */
  titles?: readonly [string, string];
}

export function Causes({ step, comparison, titles }: CausesProps) {
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
        <Group key={i} group={group} titles={titles ?? executionTitles(step.witnesses)} />
      ))}
      {comparison && <Levels comparison={comparison} />}
      {comparison?.circumstances && (
        <p class="i3">
          Circumstances: {comparison.circumstances.replace(/[.\s]+$/, '')}.
        </p>
      )}
    </Section>
  );
}
