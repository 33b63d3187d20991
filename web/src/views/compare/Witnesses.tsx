import type { StepComparison, Witness } from '../../model/types';
import type { Compared } from '../../model/compare';
import { clock, whole } from '../../format/time';
import { shortDigest } from '../../format/number';
import { to } from '../../frame/router';
import { useZone } from '../../frame/settings';
import { ordinal } from './ordinal';

function Digest({ witness, same }: { witness: Witness; same: boolean }) {
  if (!witness.layer) return <p class="bad">failed: {witness.failure || 'no layer'}</p>;
  const short = shortDigest(witness.layer.digest);
  const hex = short.slice(7);
  return (
    <p class="m" data-at="layer" data-say={witness.layer.digest}>
      layer sha256:{same ? hex : <b>{hex.slice(0, 8)}</b>}
      {same ? '' : hex.slice(8)}
    </p>
  );
}

function One({ witness, i, step, build, stage }: { witness: Witness; i: number; step: StepComparison; build: number; stage: number }) {
  const zone = useZone();
  const first = step.witnesses[0];
  const same = i === 0 ? step.witnesses.every((each) => each.layer?.digest === witness.layer?.digest) : witness.layer?.digest === first?.layer?.digest;
  const note = i === 0 ? 'the build went on from this one' : witness.outvoted ? 'outvoted: it alone made other bytes' : same ? 'the same bytes' : '';
  return (
    <div>
      <h2>
        {ordinal(i)} <span class="i3 plainw">{note}</span>
      </h2>
      <p data-at={witness.worker} data-say={`finished ${whole(witness.finishedAt, zone)} · host ${witness.hostId}`}>
        {witness.worker} on {witness.host || 'an unnamed host'}, {witness.emulated ? 'emulated' : 'native'}
        {witness.finishedAt > 0 && `, finished ${clock(witness.finishedAt, zone)}`}
      </p>
      <Digest witness={witness} same={same} />
      {witness.execution && (
        <p>
          <a class="lk" href={to(['builds', build, 'log'], { step: `${stage}.${step.stepNumber}`, execution: i > 0 ? witness.execution : undefined })}>
            Log
          </a>
        </p>
      )}
    </div>
  );
}

export function Witnesses({ compared, build }: { compared: Compared; build: number }) {
  const { step } = compared;
  return (
    <section class="ab" aria-label="Executions">
      {step.witnesses.map((witness, i) => (
        <One key={i} witness={witness} i={i} step={step} build={build} stage={step.stage} />
      ))}
    </section>
  );
}
