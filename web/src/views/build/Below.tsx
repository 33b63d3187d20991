// What stands below the matrix of a build, which is what people come for: it comes when that is painted.
import { useMemo } from 'preact/hooks';
import type { Build, Package } from '../../model/types';
import type { BuildRecord } from '../../model/build_model';
import { useWorkers } from '../../api/queries';
import { isFinished } from '../../model/build';
import { graphOf } from '../../model/graph';
import { neutralSays } from '../../model/neutral';
import { recipeLines, warningPlace } from '../../model/recipe';
import { timelineOf } from '../../model/timeline';
import { seconds } from '../../format/time';
import { Glyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';
import { AcrossPlatforms } from './AcrossPlatforms';
import { Outputs } from './Outputs';
import { RecipeTable } from './RecipeTable';
import { StageGraph } from './StageGraph';
import { TimelineChart } from './Timeline';
import { VerdictTable } from './VerdictTable';

function Warnings({ build }: { build: Build }) {
  const rest = build.warnings.map(warningPlace);
  if (rest.length === 0) return null;
  return (
    <Section id="warnings" title="Warnings" note={String(rest.length)}>
      <ul class="plain">
        {rest.map((warning, i) => (
          <li key={i}>
            <Glyph name="infra" tone="ne" /> {warning.line > 0 && <span class="m i3">line {warning.line} </span>}
            {warning.text}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** A running build's times tick; what depends on all of its steps only follows its record. */
function useParts(record: BuildRecord, now: number) {
  const { build } = record;
  const tick = isFinished(build.status) ? 0 : Math.floor(now / 1000);
  const timeline = useMemo(() => timelineOf(record, now), [record, tick]);
  const edges = timeline ? [...timeline.criticalEdges].sort().join(' ') : '';
  const graph = useMemo(() => graphOf(build, timeline?.criticalEdges), [build, edges]);
  return { timeline, graph };
}

interface BelowProps {
  record: BuildRecord;
  now: number;
  outputs: number;
  recipe?: string;
  packages: readonly Package[];
}

export function Below({ record, now, outputs, recipe, packages }: BelowProps) {
  const { build } = record;
  const workers = useWorkers().data ?? [];
  const { timeline, graph } = useParts(record, now);
  const lines = useMemo(() => recipeLines(build, recipe ?? '', packages), [build, recipe, packages]);
  return (
    <>
      <VerdictTable build={build} />
      {neutralSays(build.neutral) && <AcrossPlatforms neutral={build.neutral} />}
      <div class="two">
        {graph && (
          <Section id="stages" title="Stages" note="what each holds, and what the image keeps of it">
            <StageGraph graph={graph} />
          </Section>
        )}
        {(build.bases.length > 0 || outputs > 0) && (
          <Section id="outputs" title={outputs > 0 ? 'Outputs' : 'Bases'} note={outputs > 0 ? 'and the bases they stand on' : 'by digest'}>
            <Outputs build={build} />
          </Section>
        )}
      </div>
      {timeline && (
        <Section id="timeline" title="Timeline" note={`by worker${timeline.waited >= 0.1 ? `; waited ${seconds(timeline.waited)} in the queue` : ''}`}>
          <TimelineChart timeline={timeline} build={build.id} workers={workers} />
        </Section>
      )}
      {recipe && (
        <Section id="recipe" title="Recipe" note="every line with what it cost">
          <RecipeTable build={build} lines={lines} />
        </Section>
      )}
      <Warnings build={build} />
    </>
  );
}
