// Below the facts of a failed build: the last lines of the console, and the remedy where one is known.
import type { Build, Package } from '../../model/types';
import { findSteps, stageLabel } from '../../model/build';
import { ansiLine, PLAIN } from '../../model/ansi';
import { useLogTail } from '../../api/logs';
import { Glyph } from '../../parts/Glyph';
import { LogText } from '../../parts/LogText';
import { Remedy } from '../../parts/Remedy';
import { to } from '../../frame/router';

const LINES = 12;

function Tail({ execution }: { execution: string }) {
  const { data } = useLogTail(execution, LINES);
  if (!data) return <pre class="tail" />;
  let state = PLAIN;
  return (
    <pre class="tail" tabIndex={0}>
      {data.lines.map((line) => {
        const parsed = ansiLine(line.text, state);
        state = parsed.state;
        return (
          <span key={line.number}>
            <LogText spans={parsed.spans} />
            {'\n'}
          </span>
        );
      })}
    </pre>
  );
}

export function Failure({ build, packages }: { build: Build; packages: readonly Package[] }) {
  const [place] = findSteps(build, (step) => step.status === 'failed');
  if (!place) return null;
  const { stage, step } = place;
  const failed = packages.find((each) => each.outcome === 'failed' && each.platform === stage.platform) ?? packages.find((each) => each.outcome === 'failed');
  return (
    <section class="fix failed" aria-label="The failure">
      <div>
        <h2 class="bad">
          <Glyph name="bad" tone="bad" /> {stageLabel(stage)} step {step.number} on {stage.platform}: {step.failure || 'failed'}
        </h2>
        {step.execution && <Tail execution={step.execution} />}
        <p>
          <a class="lk" data-mark href={to(['builds', build.id, 'log'], { step: `${stage.index}.${step.number}` })}>
            The whole log
          </a>
        </p>
      </div>
      {failed ? (
        <div>
          <h2>
            {failed.name} {failed.version}: {failed.failureClass || 'it could not be built'}
          </h2>
          {failed.failureLine && (
            <pre class="i2 one" tabIndex={0}>
              {failed.failureLine}
            </pre>
          )}
          <Remedy text={failed.remedy} lines={failed.remedyLines} place={failed.remedyRange} placeText={failed.remedyText} />
        </div>
      ) : (
        <div>
          <h2>Where it is</h2>
          <pre class="one" tabIndex={0}>
            {step.text}
          </pre>
          <p class="i3">{step.range ? `${step.range.file}:${step.range.first}` : ''}</p>
        </div>
      )}
    </section>
  );
}
