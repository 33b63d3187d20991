// The recipe's text with time, size and verdict beside every line.
import type { Build } from '../../model/types';
import type { RecipeLine } from '../../model/recipe';
import type { StepCell } from '../../model/matrix';
import { barWidth, columnsOf, longestStep } from '../../model/matrix';
import { agreementMark } from '../../model/agreement';
import { cellWords } from '../../model/cell_words';
import { shortPlatform } from '../../model/build';
import { seconds } from '../../format/time';
import { Glyph } from '../../parts/Glyph';
import { to } from '../../frame/router';

function LineText({ text }: { text: string }) {
  const word = /^([A-Z]+)(\s.*)$/s.exec(text);
  if (text.trimStart().startsWith('#')) return <s>{text}</s>;
  if (!word) return <>{text}</>;
  return (
    <>
      <b>{word[1]}</b>
      {word[2]}
    </>
  );
}

function Time({ cell, platform, longest }: { cell?: StepCell; platform: string; longest: number }) {
  if (!cell || !['executed', 'cached', 'shared', 'failed'].includes(cell.step.status)) return <td class="tm-c r none" />;
  const quiet = cell.step.status === 'cached' || cell.step.status === 'shared';
  const classes = ['tm', cell.step.emulated && 'em', cell.agreement.kind === 'reaches' && 'df', cell.step.status === 'failed' && 'fl'];
  return (
    <td class="r tm-c" data-p={shortPlatform(platform)} data-at={platform} data-say={cellWords(cell)}>
      <span class={classes.filter(Boolean).join(' ')} style={{ '--w': quiet ? 0 : barWidth(cell.step.seconds, longest) }}>
        <i />
        {quiet ? <span class="i3">({seconds(cell.step.seconds)})</span> : seconds(cell.step.seconds)}
      </span>
    </td>
  );
}

function Verdicts({ line, build }: { line: RecipeLine; build: number }) {
  const marks = line.cells.filter((cell) => cell !== undefined).map((cell) => ({ cell, mark: agreementMark(cell.agreement.kind) }));
  const differing = line.cells.find((cell) => cell?.agreement.kind === 'reaches') ?? line.cells.find((cell) => cell?.agreement.kind === 'outside');
  return (
    <td class="hz nw vd">
      <span class="vds">
        {marks.map(({ cell, mark }, i) => (mark ? <Glyph key={i} {...mark} label={`${cell.stage.platform}: ${cell.agreement.words}`} /> : null))}
      </span>
      {line.words &&
        (differing ? (
          <a class="lk i2" href={to(['builds', build, 'compare', differing.stage.index, differing.step.number])}>
            {line.words}
          </a>
        ) : (
          <span class="i2">{line.words}</span>
        ))}
    </td>
  );
}

function Line({ line, build, columns, longest }: { line: RecipeLine; build: number; columns: readonly { platform: string }[]; longest: number }) {
  if (line.text.trim() === '') {
    return (
      <tr class="sp">
        <td colSpan={columns.length + 4} />
      </tr>
    );
  }
  return (
    <>
      <tr class={line.differs ? 'df' : undefined} id={`L${line.number}`}>
        <td class="no">{line.number}</td>
        <td class="src">
          <LineText text={line.text} />
        </td>
        {columns.map((column, i) => (
          <Time key={column.platform} cell={line.cells[i]} platform={column.platform} longest={longest} />
        ))}
        <td class="r i3 hz nw">{line.size}</td>
        <Verdicts line={line} build={build} />
      </tr>
      {line.notes.map((note, i) => (
        <tr class="warn" key={i}>
          <td class="no" />
          <td colSpan={columns.length + 3}>
            <span class="tx">
              {note.kind === 'check' && <Glyph name="infra" tone="ne" />} {note.kind === 'check' ? `check: ${note.text}` : `${note.text}. `}
              {note.kind === 'packages' && (
                <a class="lk" href={to(['builds', build, 'packages'])}>
                  Packages
                </a>
              )}
            </span>
          </td>
        </tr>
      ))}
    </>
  );
}

/** Beyond so many platforms their times have no room beside the text. */
const MOST_COLUMNS = 6;

export function RecipeTable({ build, lines }: { build: Build; lines: readonly RecipeLine[] }) {
  const columns = columnsOf(build).slice(0, MOST_COLUMNS);
  const longest = longestStep(build);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="recipe table">
      <table class="rc">
        <caption class="vh">Recipe with cost</caption>
        <thead>
          <tr>
            <th class="no" scope="col">
              <span class="vh">line</span>
            </th>
            <th scope="col">{build.dockerfileName || 'Dockerfile'}</th>
            {columns.map((column) => (
              <th key={column.platform} scope="col" class="r">
                {shortPlatform(column.platform)}
              </th>
            ))}
            <th scope="col" class="r hz">
              size
            </th>
            <th scope="col" class="hz vd">
              same bytes?
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <Line key={line.number} line={line} build={build.id} columns={columns} longest={longest} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
