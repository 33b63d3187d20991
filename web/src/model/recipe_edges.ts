// Which stages a stage needs, read from the recipe's text as the record has it: FROM, COPY --from, RUN --mount from=.
import type { Build, Stage, Step } from './types';
import { fromName } from './matrix';

export interface Need {
  /** The stage that is needed. */
  stage: Stage;
  /** What is taken out of it; empty: all of it (FROM). */
  path: string;
  /** The step that takes it. */
  step?: Step;
}

function sourcesOf(step: Step): { from: string; path: string }[] {
  const words = step.text.split(/\s+/);
  if (step.instruction === 'COPY' || words[0] === 'COPY') {
    const flag = words.find((word) => word.startsWith('--from='));
    if (!flag) return [];
    const path = words.slice(1).find((word) => !word.startsWith('--')) ?? '';
    return [{ from: flag.slice(7), path }];
  }
  return words
    .filter((word) => word.startsWith('--mount=') && word.includes('from='))
    .map((word) => {
      const options = new Map(word.slice(8).split(',').map((each) => each.split('=') as [string, string]));
      return { from: options.get('from') ?? '', path: options.get('source') ?? options.get('src') ?? '/' };
    });
}

/** Stages by name or number, the one of the same platform first. */
function stageNamed(build: Build, name: string, of: Stage): Stage | undefined {
  const wanted = name.toLowerCase();
  const found = build.stages.filter(
    (stage) => stage !== of && stage.index < of.index + build.stages.length && (stage.name.toLowerCase() === wanted || stage.name === `stage-${name}`),
  );
  return found.find((stage) => stage.platform === of.platform) ?? found[0];
}

export function needsOf(build: Build, stage: Stage): Need[] {
  const needs: Need[] = [];
  if (stage.base < 0 || !build.bases[stage.base]) {
    const parent = stageNamed(build, fromName(stage.fromText), stage);
    if (parent) needs.push({ stage: parent, path: '' });
  }
  for (const step of stage.steps) {
    for (const source of sourcesOf(step)) {
      const producer = stageNamed(build, source.from, stage);
      if (producer) needs.push({ stage: producer, path: source.path, step });
    }
  }
  return needs;
}
