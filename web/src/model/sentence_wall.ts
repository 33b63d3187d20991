// The sentence of the wall.
import type { Sentence } from './sentence';
import type { Wall } from './wall';
import { capital, joined, numberWord } from '../format/number';
import { isFinished, shortPlatform } from './build';

/** Platforms on which every image that is well was found to be reproducible; what still runs says nothing. */
function sameBytes(wall: Wall): string[] {
  const rows = [...wall.rows.steady, ...wall.rows.changed];
  return wall.platforms
    .filter(({ platform }) => {
      const cells = rows.map((row) => row.cells.get(platform)).filter((cell) => cell?.cell?.status === 'succeeded' && isFinished(cell.build.status));
      return cells.length > 0 && cells.every((cell) => cell?.cell?.verdict === 'reproducible');
    })
    .map(({ platform }) => shortPlatform(platform));
}

export function wallSentence(wall: Wall): Sentence {
  const bad = wall.rows.look.length;
  const good = wall.rows.changed.length + wall.rows.steady.length;
  const total = bad + good;
  if (total === 0) return ['Nothing was built here yet.'];
  const same = sameBytes(wall);
  const bytes = same.length > 0 ? `, with the same bytes on ${joined(same)}` : '';
  if (bad === 0) return [total === 1 ? `The one image builds everywhere it is asked for${bytes}.` : `All ${numberWord(total)} images build everywhere they are asked for${bytes}.`];
  const look = `${capital(numberWord(bad))} of ${numberWord(total)} ${total === 1 ? 'image' : 'images'} ${bad === 1 ? 'needs' : 'need'} a look.`;
  if (good === 0) return [look];
  const rest = good === 1 ? `The other builds everywhere it is asked for${bytes}.` : `The other ${numberWord(good)} build everywhere they are asked for${bytes}.`;
  return [`${look} ${rest}`];
}
