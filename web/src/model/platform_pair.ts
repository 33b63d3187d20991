// Two platforms of one build beside each other: its steps by what both cost, and packages that came otherwise. Layers of two
// architectures are not expected to be equal; what should be is in the build's neutral comparison.
import type { Build, Neutral, NeutralDifference, Package, Step } from './types';
import type { Sentence } from './sentence';
import { columnsOf, matrixOf } from './matrix';
import { shortPlatform } from './build';
import { joinedShort, plural } from '../format/number';

export interface PlatformStep {
  key: string;
  stage: string;
  number: string;
  text: string;
  first?: Step;
  second?: Step;
  /** It ran once, for both. */
  shared: boolean;
}

/** Steps that ran on one of the two; those that only change the config are left out. */
export function platformSteps(build: Build, first: string, second: string): PlatformStep[] {
  const platforms = columnsOf(build).map((column) => column.platform);
  const at = [platforms.indexOf(first), platforms.indexOf(second)] as const;
  return matrixOf(build).groups.flatMap((group) =>
    group.rows.flatMap((row) => {
      const steps = at.map((column) => {
        const cell = row.cells[column];
        return cell?.kind === 'step' ? cell.step : undefined;
      });
      if (!steps[0] && !steps[1]) return [];
      return [{ key: `${group.key}/${row.key}`, stage: group.name, number: row.number, text: row.text, first: steps[0], second: steps[1], shared: group.once }];
    }),
  );
}

export interface PackagePair {
  name: string;
  first?: Package;
  second?: Package;
}

/** Packages that came in another way or version, or only on one of the two. */
export function packagesApart(packages: readonly Package[], first: string, second: string): PackagePair[] {
  const names = [...new Set(packages.map((each) => each.name))].sort();
  const of = (name: string, platform: string) => packages.find((each) => each.name === name && each.platform === platform);
  return names
    .map((name) => ({ name, first: of(name, first), second: of(name, second) }))
    .filter((pair) => (pair.first || pair.second) && (pair.first?.outcome !== pair.second?.outcome || pair.first?.version !== pair.second?.version));
}

/** Differences that are known to be between these two: each is recorded between the first platform and the first that differs. */
export function differencesOfPair(neutral: Neutral, first: string, second: string): NeutralDifference[] {
  const [base] = neutral.platforms;
  if (first !== base && second !== base) return [];
  return neutral.differences.filter((each) => each.platform === (first === base ? second : first));
}

export function platformsSentence(neutral: Neutral | undefined, first: string, second: string): Sentence {
  const compared = (neutral?.kinds ?? []).reduce((sum, kind) => sum + kind.compared, 0);
  const tail = ` Layers of ${shortPlatform(first)} and ${shortPlatform(second)} are not expected to be equal: only what should not depend on the platform is compared.`;
  if (!neutral || compared === 0) return [{ text: 'Nothing was compared', tone: 'q', glyph: 'inc' }, ' between the platforms of this build.', tail];
  const differences = differencesOfPair(neutral, first, second);
  if (differences.length > 0) {
    const names = differences.map((each) => each.difference.path.split('/').pop() ?? '');
    return [{ text: `${plural(differences.length, 'path')} that should be the same ${differences.length === 1 ? 'differs' : 'differ'}`, tone: 'ne', glyph: 'ne' }, `: ${joinedShort(names)}.`, tail];
  }
  // Where others differ, the record does not say of each path between which of all platforms.
  if (neutral.differencesTotal > 0) {
    const others = `${plural(neutral.differencesTotal, 'path')} ${neutral.differencesTotal === 1 ? 'differs' : 'differ'} between platforms of this build`;
    return [{ text: 'No difference of these two is on record', tone: 'q', glyph: 'one' }, `; ${others}.`, tail];
  }
  return [{ text: 'What should be the same is', tone: 'ok', glyph: 'eq' }, `: ${plural(compared, 'path')} on all platforms.`, tail];
}
