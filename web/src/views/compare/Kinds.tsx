// What can be compared: executions of a step, two builds, two platforms.
import type { Build } from '../../model/types';
import { divergences } from '../../model/compare';
import { to } from '../../frame/router';

export type CompareKind = 'executions' | 'builds' | 'platforms';

/** The step whose executions are shown first: one that differs, else any that was executed twice. */
function firstCompared(build: Build): string | undefined {
  const step = divergences(build)[0]?.step ?? build.cells.flatMap((cell) => cell.comparison?.steps ?? [])[0];
  return step && to(['builds', build.id, 'compare', step.stage, step.stepNumber]);
}

export function Kinds({ build, current }: { build: Build; current: CompareKind }) {
  const kinds = [
    { kind: 'executions', label: 'Executions', href: firstCompared(build) },
    { kind: 'builds', label: 'Builds', href: to(['builds', build.id, 'compare']) },
    { kind: 'platforms', label: 'Platforms', href: build.cells.length > 1 ? to(['builds', build.id, 'platforms']) : undefined },
  ];
  return (
    <nav class="tabs" aria-label="What is compared">
      {kinds.map(
        ({ kind, label, href }) =>
          href && (
            <a key={kind} href={href} aria-current={kind === current ? 'page' : undefined}>
              {label}
            </a>
          ),
      )}
    </nav>
  );
}
