// What the verdict of each platform stands on: how far the executions agree, the image of each, and what --normalize changed.
import type { Build } from '../../model/types';
import type { NormalizedRule, VerdictRow } from '../../model/verdict_rows';
import { buildLevel, verdictRows } from '../../model/verdict_rows';
import { levelPhrase } from '../../model/levels';
import { plural } from '../../format/number';
import { Digest } from '../../parts/Digest';
import { Glyph, VerdictGlyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';
import { ordinal } from '../compare/ordinal';
import type { Verdict } from '../../model/types';

function Images({ row }: { row: VerdictRow }) {
  return (
    <>
      {row.images.map((image, i) => (
        <div key={i} class="vi" data-at={`${ordinal(i)} execution`} data-say={[image.digest, image.note].filter(Boolean).join(' · ')}>
          <span class="i3">{ordinal(i)}</span> <span class="m"><Digest digest={image.digest} /></span>{' '}
          {image.digest && i > 0 && <Glyph name={image.same ? 'eq' : 'ne'} tone={image.same ? 'ok' : 'ne'} />} <span class={image.digest && !image.same ? 'ne' : 'i3'}>{image.note}</span>
        </div>
      ))}
    </>
  );
}

function Rule({ rule }: { rule: NormalizedRule }) {
  return (
    <li>
      <code>{rule.rule}</code> <span class="i2">{[`in ${plural(rule.steps, 'step')}`, rule.deed].filter(Boolean).join(': ')}</span>
      {rule.packageFiles.length > 0 && (
        <div class="i2">
          <Glyph name="infra" tone="ne" /> {rule.packageFiles.length === 1 ? 'of a package' : 'of packages'} <code>{rule.packageFiles.map((path) => `/${path}`).join(', ')}</code>
        </div>
      )}
    </li>
  );
}

function Row({ row, normalized }: { row: VerdictRow; normalized: boolean }) {
  const { comparison } = row.cell;
  return (
    <tr tabIndex={-1} data-row data-at={row.cell.platform} data-say={[row.reason, row.circumstances].filter(Boolean).join(' · ')}>
      <th scope="row" class="nw">
        {row.cell.platform}
      </th>
      <td class="nw">
        <VerdictGlyph verdict={row.verdict as Verdict} /> {row.verdict}
        {row.executions && <div class="i3">{row.executions}{comparison?.sameHost ? ', the same' : ''}</div>}
      </td>
      <td>
        {row.level}
        {row.reason && <div class="i2">{row.reason}</div>}
        {row.circumstances && <div class="i3">{row.circumstances}</div>}
      </td>
      <td>
        <Images row={row} />
      </td>
      {normalized && (
        <td>
          {row.rules.length > 0 && (
            <ul class="plain">
              {row.rules.map((rule) => (
                <Rule key={rule.rule} rule={rule} />
              ))}
            </ul>
          )}
        </td>
      )}
    </tr>
  );
}

export function VerdictTable({ build }: { build: Build }) {
  const rows = verdictRows(build);
  if (rows.length === 0) return null;
  const normalized = rows.some((row) => row.rules.length > 0);
  const level = buildLevel(build);
  const note = level && level !== 'none' ? `of all platforms: ${levelPhrase(level)}` : '';
  return (
    <Section id="verdict" title="Verdict" note={note}>
      <div class="scroll" tabIndex={0} role="region" aria-label="verdict table">
        <table class="vt">
          <caption class="vh">How far the executions of each platform agree</caption>
          <thead>
            <tr>
              <th scope="col">platform</th>
              <th scope="col">verdict</th>
              <th scope="col">what is the same</th>
              <th scope="col">images</th>
              {normalized && <th scope="col">noise taken out</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={`${row.cell.platform}/${row.cell.targetStage}`} row={row} normalized={normalized} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
