import type { StepComparison } from '../../model/types';
import { kindWord, pathTree } from '../../model/compare';
import { count } from '../../format/number';
import { Glyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';

const MOST_ROWS = 500;

function kindCounts(step: StepComparison): string {
  const kinds = new Map<string, number>();
  for (const each of step.differences) kinds.set(each.kind, (kinds.get(each.kind) ?? 0) + 1);
  return [...kinds].map(([kind, number]) => `${kindWord[kind] ?? kind} ${count(number)}`).join(', ');
}

export function PathTable({ step, sides = ['first', 'second'] }: { step: StepComparison; sides?: readonly [string, string] }) {
  if (step.differences.length === 0) return null;
  const rows = pathTree(step.differences, step.causes);
  const tone = step.reachesImage ? 'ne' : 'q';
  const hidden = step.differencesTotal - step.differences.length;
  return (
    <Section id="paths" title="Differing paths" note={`${count(step.differencesTotal)}${hidden > 0 ? `, ${count(step.differences.length)} of them recorded` : ''}`} side={kindCounts(step)}>
      <div class="scroll" tabIndex={0} role="region" aria-label="paths table">
        <table class="tree">
          <caption class="vh">Differing paths</caption>
          <thead>
            <tr>
              <th scope="col">path</th>
              <th scope="col">kind</th>
              <th class="r hz" scope="col">
                {sides[0]}
              </th>
              <th class="r hz" scope="col">
                {sides[1]}
              </th>
              <th scope="col" class="hz known">
                what is known
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_ROWS).map((row, i) =>
              row.kind === 'folder' ? (
                <tr key={i}>
                  <td class="m i3" colSpan={5}>
                    {row.text}
                  </td>
                </tr>
              ) : (
                <tr key={i} tabIndex={-1} data-row data-mark data-at={row.name} data-say={[row.difference?.path, row.difference?.detail, row.known].filter(Boolean).join(' · ')}>
                  <td class="m">
                    {'  '}
                    {row.text}
                    <b>{row.name}</b>
                  </td>
                  <td>
                    <Glyph name="ne" tone={tone} /> {kindWord[row.difference?.kind ?? 'unknown']}
                  </td>
                  <td class="r hz">{row.difference?.firstBytes === undefined ? '–' : count(row.difference.firstBytes)}</td>
                  <td class="r hz">{row.difference?.secondBytes === undefined ? '–' : count(row.difference.secondBytes)}</td>
                  <td class="i2 hz">{[row.difference?.detail, row.known].filter(Boolean).join('; ')}</td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
      {rows.length > MOST_ROWS && <p class="leg">{count(rows.length - MOST_ROWS)} more rows; crossmill diff prints all of them.</p>}
    </Section>
  );
}
