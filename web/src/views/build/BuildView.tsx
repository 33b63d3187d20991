// One build: sentence, facts, matrix, stages, timeline, recipe, in the order of the questions.
import { lazy, Suspense } from 'preact/compat';
import { useMemo } from 'preact/hooks';
import type { Build, Package } from '../../model/types';
import type { BuildRecord } from '../../model/build_model';
import { useLiveBuild } from '../../api/build_live';
import { useBuildPackages, useRecipe } from '../../api/queries';
import { buildSentence } from '../../model/sentence_build';
import { plain } from '../../model/sentence';
import { isFinished, nameOf } from '../../model/build';
import { matrixOf } from '../../model/matrix';
import { factsOf } from '../../model/facts';
import { useLater } from '../../frame/growing';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { useZone } from '../../frame/settings';
import { to } from '../../frame/router';
import { Digest } from '../../parts/Digest';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { Announce } from '../../parts/Announce';
import { Actions } from './Actions';
import { Failure } from './Failure';
import { MatrixTable } from './MatrixTable';
import { MatrixLegend } from './MatrixLegend';
import { verdictRows } from '../../model/verdict_rows';
import { neutralSays } from '../../model/neutral';

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
        {build.place && (
          <a class="lk" href={to(['matrices', build.place.matrix])}>
            m{build.place.matrix}: {build.place.combination}
          </a>
        )}
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
              <dd class={fact.mono ? (fact.name === 'index' ? 'm dg' : 'm') : ''}>{fact.name === 'index' ? <Digest digest={build.indexDigest} /> : fact.value}</dd>
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

const Below = lazy(() => import('./Below').then((module) => module.Below));
const NO_PACKAGES: Package[] = [];

function Whole({ record, now }: { record: BuildRecord; now: number }) {
  const { build } = record;
  const id = String(build.id);
  const packages = useBuildPackages(id, !isFinished(build.status)).data;
  const recipe = useRecipe(id).data;
  const later = useLater();
  const matrix = useMemo(() => matrixOf(build), [build]);
  const names = new Set(packages?.rows.map((row) => row.name)).size;
  const outputs = build.cells.filter((cell) => cell.imageDigest).length + (build.indexDigest ? 1 : 0);
  const bar = [
    { id: 'matrix', label: 'Matrix', show: true },
    { id: 'verdict', label: 'Verdict', show: verdictRows(build).length > 0 },
    { id: 'across', label: 'Across platforms', show: neutralSays(build.neutral) },
    { id: 'stages', label: 'Stages', show: matrix.groups.length > 0 },
    { id: 'timeline', label: 'Timeline', show: record.spans.size > 0 },
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
      {later && (
        <Suspense fallback={null}>
          <Below record={record} now={now} outputs={outputs} recipe={recipe} packages={packages?.rows ?? NO_PACKAGES} />
        </Suspense>
      )}
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
