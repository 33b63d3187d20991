// One build: sentence, facts, matrix, stages, timeline, recipe, in the order of the questions.
import { useMemo } from 'preact/hooks';
import type { Build } from '../../model/types';
import type { BuildRecord } from '../../model/build_model';
import { useLiveBuild } from '../../api/build_live';
import { useBuildPackages, useRecipe, useWorkers } from '../../api/queries';
import { buildSentence } from '../../model/sentence_build';
import { plain } from '../../model/sentence';
import { isFinished, nameOf } from '../../model/build';
import { matrixOf } from '../../model/matrix';
import { timelineOf, type Timeline } from '../../model/timeline';
import { graphOf, type Graph } from '../../model/graph';
import { recipeLines, warningPlace, type RecipeLine } from '../../model/recipe';
import { factsOf } from '../../model/facts';
import { seconds } from '../../format/time';
import { useLater } from '../../frame/growing';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { useZone } from '../../frame/settings';
import { to } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Section } from '../../parts/Section';
import { Empty, Failed, Loading } from '../../parts/states';
import { Glyph } from '../../parts/Glyph';
import { Announce } from '../../parts/Announce';
import { Actions } from './Actions';
import { Failure } from './Failure';
import { MatrixTable } from './MatrixTable';
import { MatrixLegend } from './MatrixLegend';
import { StageGraph } from './StageGraph';
import { TimelineChart } from './Timeline';
import { Outputs } from './Outputs';
import { RecipeTable } from './RecipeTable';

function Head({ build, now }: { build: Build; now: number }) {
  const zone = useZone();
  const sentence = buildSentence(build, now);
  return (
    <div class="head">
      <p class="crumb">
        <a class="lk" href="#builds">
          Builds
        </a>
        <span>/</span> <b>{nameOf(build)}</b> <span>#{build.id}</span>
        {build.aheadOf > 0 && (
          <a class="lk" href={to(['builds', build.aheadOf])}>
            compiles ahead of #{build.aheadOf}
          </a>
        )}
      </p>
      <Actions build={build} />
      <div>
        <Lede sentence={sentence} />
        <dl class="facts">
          {factsOf(build, now, zone).map((fact) => (
            <div key={fact.name} data-at={fact.name} data-say={fact.say ?? fact.value}>
              <dt>{fact.name}</dt>
              <dd class={fact.mono ? (fact.name === 'index' ? 'm dg' : 'm') : ''}>{fact.value}</dd>
            </div>
          ))}
        </dl>
      </div>
      <Announce text={isFinished(build.status) ? plain(sentence) : `${nameOf(build)}: ${build.status}`} />
    </div>
  );
}

/** Jumps within the view; the address stays that of the build. */
function JumpBar({ items }: { items: { id: string; label: string; href?: string }[] }) {
  const jump = (event: Event, id: string) => {
    event.preventDefault();
    const target = document.getElementById(id);
    target?.scrollIntoView({ block: 'start' });
    target?.querySelector<HTMLElement>('h2')?.focus({ preventScroll: true });
  };
  return (
    <nav class="tabs" aria-label="On this page">
      {items.map((item) => (
        <a key={item.id} href={item.href ?? `#${item.id}`} onClick={item.href ? undefined : (event) => jump(event, item.id)}>
          {item.label}
        </a>
      ))}
    </nav>
  );
}

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
  const running = !isFinished(build.status);
  const matrix = useMemo(() => matrixOf(build), [build]);
  const tick = running ? Math.floor(now / 1000) : 0;
  const timeline = useMemo(() => timelineOf(record, now), [record, tick]);
  const edges = timeline ? [...timeline.criticalEdges].sort().join(' ') : '';
  const graph = useMemo(() => graphOf(build, timeline?.criticalEdges), [build, edges]);
  return { matrix, timeline, graph };
}

interface BelowProps {
  build: Build;
  graph?: Graph;
  timeline?: Timeline;
  outputs: number;
  lines?: readonly RecipeLine[];
}

/** What stands below the matrix, which is what people come for. */
function Below({ build, graph, timeline, outputs, lines }: BelowProps) {
  const workers = useWorkers().data ?? [];
  return (
    <>
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
      {lines && (
        <Section id="recipe" title="Recipe" note="every line with what it cost">
          <RecipeTable build={build} lines={lines} />
        </Section>
      )}
      <Warnings build={build} />
    </>
  );
}

function Whole({ record, now }: { record: BuildRecord; now: number }) {
  const { build } = record;
  const id = String(build.id);
  const packages = useBuildPackages(id, !isFinished(build.status)).data;
  const recipe = useRecipe(id).data;
  const later = useLater();
  const { matrix, timeline, graph } = useParts(record, now);
  const lines = useMemo(() => recipeLines(build, recipe ?? '', packages?.rows ?? []), [build, recipe, packages]);
  const names = new Set(packages?.rows.map((row) => row.name)).size;
  const outputs = build.cells.filter((cell) => cell.imageDigest).length + (build.indexDigest ? 1 : 0);
  const bar = [
    { id: 'matrix', label: 'Matrix', show: true },
    { id: 'stages', label: 'Stages', show: !!graph },
    { id: 'timeline', label: 'Timeline', show: !!timeline },
    { id: 'recipe', label: 'Recipe', show: !!recipe },
    { id: 'packages', label: `Packages ${names}`, show: names > 0, href: to(['builds', id, 'packages']) },
    { id: 'log', label: 'Log', show: build.stages.length > 0, href: to(['builds', id, 'log']) },
    { id: 'outputs', label: `Outputs ${outputs}`, show: outputs > 0 },
    { id: 'warnings', label: `Warnings ${build.warnings.length}`, show: build.warnings.length > 0 },
  ].filter((item) => item.show);
  return (
    <>
      {build.status === 'failed' && <Failure build={build} packages={packages?.rows ?? []} />}
      <JumpBar items={bar} />
      <section id="matrix" aria-label="Matrix">
        {matrix.groups.length > 0 ? (
          <>
            <MatrixTable record={record} matrix={matrix} />
            <MatrixLegend matrix={matrix} />
          </>
        ) : (
          <Empty>{isFinished(build.status) ? 'The build ended before it was planned: there are no steps.' : 'The steps stand here as soon as the recipe is expanded.'}</Empty>
        )}
      </section>
      {later && <Below build={build} graph={graph} timeline={timeline} outputs={outputs} lines={recipe ? lines : undefined} />}
    </>
  );
}

export function BuildView({ id }: { id: string }) {
  const live = useLiveBuild(id);
  const build = live.record?.build;
  const now = useNow(build !== undefined && !isFinished(build.status));
  useView(build ? `${nameOf(build)} #${build.id}` : `Build ${id}`, 'Arrow keys move in the matrix, Enter opens, N jumps to the next difference.');
  if (!live.record) return live.error ? <Failed error={live.error} what={`Build ${id}`} retry={live.retry} /> : <Loading rows={14} />;
  return (
    <>
      <Head build={live.record.build} now={now} />
      <Whole record={live.record} now={now} />
      {live.state === 'lost' && <p class="i3 lostnote" role="status">The stream of events is lost; it is taken up again behind the last event.</p>}
    </>
  );
}
