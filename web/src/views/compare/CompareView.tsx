// The executions of one step beside each other.
import { useBuildView } from '../../api/queries';
import { chainOf, compareSentence, divergences, findCompared } from '../../model/compare';
import { nameOf, stageLabel } from '../../model/build';
import { plural } from '../../format/number';
import { useView } from '../../frame/view';
import { to } from '../../frame/router';
import { CopyButton } from '../../parts/CopyButton';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { Causes } from './Causes';
import { Kinds } from './Kinds';
import { PathTable } from './PathTable';
import { Threads } from './Threads';
import { Witnesses } from './Witnesses';

/** Other steps of the build that differ: one click away. */
function Others({ build, stage, step }: { build: Parameters<typeof divergences>[0]; stage: number; step: number }) {
  const all = divergences(build);
  if (all.length < 2) return null;
  return (
    <nav class="tabs" aria-label="Steps that differ">
      {all.slice(0, 20).map((each) => {
        const here = each.step.stage === stage && each.step.stepNumber === step;
        const name = stageLabel({ name: each.step.stageName });
        return (
          <a key={`${each.step.stage}/${each.step.stepNumber}`} href={to(['builds', build.id, 'compare', each.step.stage, each.step.stepNumber])} aria-current={here ? 'page' : undefined} class={each.step.reachesImage ? '' : 'i3'}>
            {name} {each.step.stepNumber} on {each.cell.platform}
          </a>
        );
      })}
    </nav>
  );
}

export function CompareView({ id, stage, step }: { id: string; stage: number; step: number }) {
  const query = useBuildView(id);
  const build = query.data;
  useView(build ? `${nameOf(build)} #${id} compare` : 'Compare', 'J and K walk the differing paths.', 'N next difference, Y copies the command');
  if (!build) return query.error ? <Failed error={query.error} what={`Build ${id}`} retry={() => void query.refetch()} /> : <Loading rows={12} />;
  const compared = findCompared(build, stage, step);
  if (!compared) {
    return (
      <Empty command="crossmill build --verify 2 .">
        The executions of this step were not compared in <a class="lk" href={to(['builds', id])}>{nameOf(build)} #{id}</a>. Two executions of each step are asked for with:
      </Empty>
    );
  }
  const { cell } = compared;
  const name = compared.stage ? stageLabel(compared.stage) : compared.step.stageName;
  const flags = [`--platform ${cell.platform}`, `--stage ${name}`, `--step ${step}`].join(' ');
  return (
    <>
      <div class="head">
        <p class="crumb">
          <a class="lk" href={to(['builds', id])}>
            {nameOf(build)} #{id}
          </a>
          <span>/</span>
          <b>
            {name} step {step}
          </b>
          <span>
            {cell.platform}, {plural(compared.step.witnesses.length, 'execution')}
          </span>
        </p>
        <div class="acts">
          <CopyButton text={`crossmill diff ${flags} ${id}`} label="Copy command" keyName="y" />
        </div>
        <Lede sentence={compareSentence(compared)} />
      </div>
      <Kinds build={build} current="executions" />
      <Others build={build} stage={stage} step={step} />
      <Threads links={chainOf(compared)} />
      <Witnesses compared={compared} build={build.id} />
      {cell.comparison && <Causes step={compared.step} comparison={cell.comparison} />}
      <PathTable step={compared.step} />
    </>
  );
}
