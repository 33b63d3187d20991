// What a build's platforms say of what should not depend on the platform, in the words of the terminal.
import type { Neutral, NeutralDifference } from './types';
import { count, plural } from '../format/number';

/** Empty: nothing was compared, and nothing kept it from being so. */
export function neutralSays(neutral: Neutral | undefined): neutral is Neutral {
  return neutral !== undefined && (neutral.kinds.length > 0 || neutral.problem !== '');
}

export function kindText(kind: Neutral['kinds'][number]): string {
  const equal = `${count(kind.equal)} of ${count(kind.compared)} equal`;
  return kind.notEverywhere > 0 ? `${equal}; ${count(kind.notEverywhere)} that not every platform has, not compared` : equal;
}

/** Where in the file, or what else differs. */
export function differenceText({ difference, example }: NeutralDifference): string {
  return example ? [...example.inside, example.place].filter(Boolean).join(' · ') : difference.detail;
}

export function neutralNote(neutral: Neutral): string {
  const compared = neutral.kinds.reduce((sum, kind) => sum + kind.compared, 0);
  if (compared === 0) return 'beside the verdict';
  const { differencesTotal } = neutral;
  return differencesTotal === 0 ? `${plural(compared, 'path')}, all equal; beside the verdict` : `${plural(differencesTotal, 'path')} of ${count(compared)} ${differencesTotal === 1 ? 'differs' : 'differ'}; beside the verdict`;
}
