// The console of a build, by platform and step.
import { useMemo, useRef } from 'preact/hooks';
import { useLiveBuild } from '../../api/build_live';
import { useBuildPackages } from '../../api/queries';
import { isFinished, nameOf } from '../../model/build';
import { columnsOf } from '../../model/matrix';
import { firstOpen, logColumn, logSteps } from '../../model/log_steps';
import { useView } from '../../frame/view';
import { to, usePlace } from '../../frame/router';
import { Empty, Failed, Loading } from '../../parts/states';
import { StatusGlyph } from '../../parts/Glyph';
import { LogBody } from './LogBody';

export function LogView({ id }: { id: string }) {
  const live = useLiveBuild(id);
  const place = usePlace();
  const shown = useRef({ id, step: '' });
  const build = live.record?.build;
  useView(build ? `${nameOf(build)} #${id} log` : 'Log', 'Click a number for a link to its line, shift-click for a range.', '/ search, E next error, T times, W wrap');
  const step = place.query.get('step') ?? '';
  const column = build && logColumn(build, step, place.query.get('platform') ?? '');
  const steps = useMemo(() => (build ? logSteps(build, column) : []), [build, column?.platform]);
  const packages = useBuildPackages(build && isFinished(build.status) ? id : '').data;
  if (!build) return live.error ? <Failed error={live.error} what={`Build ${id}`} retry={live.retry} /> : <Loading rows={20} height={19} />;
  const open = step === 'none' ? undefined : (steps.find((each) => each.key === step) ?? firstOpen(steps, shown.current.id === id ? shown.current.step : ''));
  shown.current = { id, step: open?.key ?? '' };
  const execution = place.query.get('execution') ?? open?.step.execution ?? '';
  const failed = open?.step.status === 'failed' ? packages?.rows.find((row) => row.outcome === 'failed' && row.platform === open.stage.platform) : undefined;
  return (
    <>
      <div class="head">
        <h1 class="crumb">
          <a class="lk" href={to(['builds', id])}>
            {nameOf(build)} #{id}
          </a>
          <span>/</span> <b>log</b> <span>{column?.platform}</span>
          {execution && execution !== open?.step.execution && <span>execution {execution}</span>}
        </h1>
        <div class="acts" role="group" aria-label="Platform">
          {columnsOf(build).map((each) => (
            <a key={each.platform} class="btn" href={to(['builds', id, 'log'], { platform: each.platform })} aria-current={each.platform === column?.platform ? 'true' : undefined}>
              {each.platform} {each.cell && <StatusGlyph status={each.cell.status} alone />}
            </a>
          ))}
        </div>
      </div>
      {steps.length === 0 ? <Empty>No step has run yet; its lines stand here as they come.</Empty> : <LogBody build={build} steps={steps} open={open} execution={execution} failed={failed} />}
    </>
  );
}
