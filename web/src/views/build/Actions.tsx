// Copy, retry, cancel, compare. Who may only read has neither retry nor cancel; retry and cancel both keep their place, one of them is disabled.
import { useState } from 'preact/hooks';
import { useQueryClient } from '@tanstack/preact-query';
import type { Build } from '../../model/types';
import { isFinished, reproduceCommand } from '../../model/build';
import { postJson } from '../../api/client';
import { useRole } from '../../api/queries';
import { may } from '../../model/role';
import { CopyButton } from '../../parts/CopyButton';
import { go, to } from '../../frame/router';

function firstDivergence(build: Build): string | undefined {
  const steps = build.cells.flatMap((cell) => cell.comparison?.steps ?? []).filter((step) => !step.agrees);
  const step = steps.find((each) => each.reachesImage) ?? steps[0];
  return step && to(['builds', build.id, 'compare', step.stage, step.stepNumber]);
}

export function Actions({ build }: { build: Build }) {
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const client = useQueryClient();
  const submits = may(useRole(), 'submit');
  const finished = isFinished(build.status);
  const compare = firstDivergence(build);

  const act = async (what: 'retry' | 'cancel') => {
    setBusy(true);
    setProblem('');
    try {
      const answer = await postJson<{ buildId?: string }>(`builds/${build.id}/${what}`);
      void client.invalidateQueries({ queryKey: ['newest'] });
      if (what === 'retry' && answer.buildId) go(to(['builds', answer.buildId]));
    } catch (error) {
      setProblem(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      setBusy(false);
      setAsked(false);
    }
  };
  const cancel = () => {
    if (asked) void act('cancel');
    else {
      setAsked(true);
      setTimeout(() => setAsked(false), 5000);
    }
  };
  return (
    <div class="acts">
      {problem && (
        <span class="bad" role="alert">
          {problem}
        </span>
      )}
      <CopyButton text={reproduceCommand(build)} label="Copy command" keyName="y" />
      {submits && (
        <button class="btn" type="button" disabled={!finished || busy} onClick={() => void act('retry')}>
          Retry
        </button>
      )}
      {submits && (
        <button class="btn" type="button" disabled={finished || busy} onClick={cancel}>
          {asked ? 'Really cancel' : 'Cancel'}
        </button>
      )}
      {finished && (
        <a class="btn" href={to(['builds', build.id, 'compare'])}>
          Compare builds
        </a>
      )}
      {compare && (
        <a class="btn pri" data-key="c" href={compare}>
          Compare executions
        </a>
      )}
    </div>
  );
}
