// The recipe's text with what every line cost, on each platform.
import type { Build, Package } from './types';
import type { StepCell } from './matrix';
import { columnsOf } from './matrix';
import { agreementOf } from './agreement';
import { shortPlatform, stagesOfCell } from './build';
import { seconds } from '../format/time';
import { bytesRange, joined } from '../format/number';

export interface RecipeNote {
  kind: 'check' | 'packages';
  text: string;
}

export interface RecipeLine {
  number: number;
  text: string;
  /** One per platform; undefined: nothing of this line ran there. */
  cells: (StepCell | undefined)[];
  size: string;
  differs: boolean;
  words: string;
  notes: RecipeNote[];
}

/** "Dockerfile:2: text" is about line 2; others are about no line. */
export function warningPlace(warning: string): { line: number; text: string } {
  const found = /^[^\s:]+:(\d+)(?:-\d+)?(?::\d+)?:\s*(.*)$/s.exec(warning);
  return found ? { line: Number(found[1]), text: found[2] ?? '' } : { line: 0, text: warning };
}

function cellsByLine(build: Build): Map<number, (StepCell | undefined)[]> {
  const columns = columnsOf(build);
  const lines = new Map<number, (StepCell | undefined)[]>();
  columns.forEach((column, i) => {
    if (!column.cell) return;
    for (const stage of stagesOfCell(build, column.cell)) {
      const shared = stage.platform !== column.platform;
      for (const step of stage.steps) {
        if (!step.range || step.status === 'metadata' || shared) continue;
        const cells = lines.get(step.range.first) ?? columns.map(() => undefined);
        cells[i] = { kind: 'step', stage, step, agreement: agreementOf(build, column.cell, stage.index, step) };
        lines.set(step.range.first, cells);
      }
    }
  });
  return lines;
}

function wordsOf(cells: readonly (StepCell | undefined)[]): string {
  const reaching = cells.filter((cell) => cell?.agreement.kind === 'reaches');
  if (reaching.length > 0) return joined(reaching.map((cell) => `${cell?.agreement.label} on ${shortPlatform(cell?.stage.platform ?? '')}`));
  if (cells.some((cell) => cell?.agreement.kind === 'outside')) return 'not in the image';
  return '';
}

/** "38 packages: 36 wheels; imaging is compiled on arm64 (2m 51s)". */
function packageNote(packages: readonly Package[]): string {
  const names = new Set(packages.map((each) => each.name));
  const compiled = new Map<string, Package[]>();
  for (const each of packages) if (each.outcome === 'source') compiled.set(each.name, [...(compiled.get(each.name) ?? []), each]);
  const failed = [...new Set(packages.filter((each) => each.outcome === 'failed').map((each) => each.name))];
  const parts = [...compiled].slice(0, 4).map(([name, rows]) => `${name} is compiled on ${joined(rows.map((row) => `${shortPlatform(row.platform)} (${seconds(row.seconds)})`))}`);
  if (compiled.size > 4) parts.push(`${compiled.size - 4} more are compiled`);
  if (failed.length > 0) parts.push(`${joined(failed)} ${failed.length === 1 ? 'fails' : 'fail'}`);
  const total = names.size === 1 ? '1 package' : `${names.size} packages`;
  return `${total}: ${parts.length > 0 ? parts.join(', ') : 'wheels everywhere'}`;
}

function packagesByLine(build: Build, packages: readonly Package[]): Map<number, Package[]> {
  const lines = new Map<number, Package[]>();
  for (const each of packages) {
    const stage = build.stages.find((one) => one.index === each.stage && one.platform === each.platform) ?? build.stages[each.stage];
    const line = stage?.steps.find((step) => step.number === each.stepNumber)?.range?.first;
    if (line) lines.set(line, [...(lines.get(line) ?? []), each]);
  }
  return lines;
}

/** Notes stand below the last line of the instruction that they are about. */
function endsOf(build: Build): Map<number, number> {
  const ends = new Map<number, number>();
  for (const stage of build.stages) for (const step of stage.steps) if (step.range) ends.set(step.range.first, step.range.last);
  return ends;
}

export function recipeLines(build: Build, text: string, packages: readonly Package[]): RecipeLine[] {
  const byLine = cellsByLine(build);
  const none = columnsOf(build).map(() => undefined);
  const warnings = build.warnings.map(warningPlace);
  const brought = packagesByLine(build, packages);
  const ends = endsOf(build);
  const starts = new Map([...ends].map(([first, last]) => [last, first]));
  return text.replace(/\n$/, '').split('\n').map((line, i) => {
    const number = i + 1;
    const cells = byLine.get(number) ?? none;
    const sizes = cells.map((cell) => cell?.step.layer?.bytes).filter((size) => size !== undefined);
    const notes: RecipeNote[] = warnings.filter((warning) => (ends.get(warning.line) ?? warning.line) === number).map((warning) => ({ kind: 'check', text: warning.text }));
    const mine = brought.get(starts.get(number) ?? number);
    if (mine) notes.push({ kind: 'packages', text: packageNote(mine) });
    return {
      number,
      text: line.replace(/\r$/, ''),
      cells,
      size: bytesRange(sizes, '+'),
      differs: cells.some((cell) => cell?.agreement.kind === 'reaches'),
      words: wordsOf(cells),
      notes,
    };
  });
}
