// What compiling costs the farm, what changed against the build before, and the history of one package.
import { useQuery } from '@tanstack/preact-query';
import type * as wire from '../../api/wire';
import { getJson } from '../../api/client';
import { integer, platform, word } from '../../api/decode';
import { COMPILED_DAYS, useCompiled } from '../../api/queries';
import type { Outcome, PackageChange } from '../../model/types';
import { changeWords } from '../../model/packages';
import { shortPlatform } from '../../model/build';
import { plural } from '../../format/number';
import { instant, seconds, whole } from '../../format/time';
import { to } from '../../frame/router';
import { useZone } from '../../frame/settings';
import { Section } from '../../parts/Section';
import { Glyph, outcomeMark } from '../../parts/Glyph';
import { Failed, Loading } from '../../parts/states';

export function Costs() {
  const { data } = useCompiled();
  if (!data || data.rows.length === 0) return null;
  const most = Math.max(...data.rows.map((row) => row.seconds + row.failedSeconds), 0.001);
  return (
    <Section id="costs" title="What compiling costs" note={`${seconds(data.seconds)} in the last ${COMPILED_DAYS} days, the most expensive first`}>
      <div class="cost">
        {data.rows.map((row) => (
          <div key={`${row.name} ${row.version} ${row.platform}`} data-at={`${row.name} ${row.version}`} data-say={`${row.platform} · compiled ${plural(row.times, 'time')}${row.failed ? `, failed ${plural(row.failed, 'time')}` : ''} · ${seconds(row.seconds)} · last in #${row.lastBuild}`}>
            <span class="nw">
              <b>{row.name}</b> <span class="i3">{row.version}</span>
            </span>
            <span class="i2 nw hz">
              {shortPlatform(row.platform)}, {plural(row.times, 'time')}
              {row.failed > 0 && <span class="bad"> {row.failed} failed</span>}
            </span>
            <span class={`h${row.emulated > 0 ? ' em' : ''}`} style={{ '--w': (100 * row.seconds) / most }} />
            <span class="r nw">{seconds(row.seconds)}</span>
          </div>
        ))}
      </div>
    </Section>
  );
}

export function Turned({ changes }: { changes: readonly (PackageChange & { build: number })[] }) {
  if (changes.length === 0) return null;
  return (
    <Section id="turned" title="What changed" note="against the build of the same recipe before">
      <ul class="plain">
        {changes.slice(0, 50).map((change, i) => (
          <li key={i}>
            <b>{change.name}</b> {changeWords(change)}
            {change.seconds !== undefined && change.outcome === 'source' && <span class="i2">, {seconds(change.seconds)}</span>}{' '}
            <a class="lk i3" href={to(['builds', change.build])}>
              #{change.build}
            </a>{' '}
            {change.buildBefore > 0 && <span class="i3">against #{change.buildBefore}</span>}
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function History({ name }: { name: string }) {
  const zone = useZone();
  const query = useQuery({
    queryKey: ['history', name],
    queryFn: ({ signal }) => getJson<wire.PackageHistoryResponse>('packages/history', { name, limit: 50 }, signal),
  });
  if (query.error) return <Failed part error={query.error} what={`The history of ${name}`} retry={() => void query.refetch()} />;
  if (!query.data) return <Loading rows={4} />;
  const rows = query.data.rows ?? [];
  return (
    <Section id="history" title={`History of ${name}`} note={rows.length === 0 ? 'nothing executed it yet' : 'what each execution made of it, newest first'}>
      <table class="bl">
        <caption class="vh">History of {name}</caption>
        <tbody>
          {rows.map((row, i) => {
            const outcome = word<Outcome>(row.package?.outcome, 'OUTCOME_');
            const mark = outcomeMark(outcome);
            const at = integer(row.finishedAt) / 1e6;
            return (
              <tr key={i}>
                <td class="nw">
                  <a class="lk" href={to(['builds', integer(row.buildId)])}>
                    #{integer(row.buildId)}
                  </a>
                </td>
                <td class="nw i2">{platform(row.platform) || '–'}</td>
                <td class="nw">
                  {mark && <Glyph {...mark} />} {outcome}
                </td>
                <td class="nw i2">{row.package?.version}</td>
                <td class="r nw">{row.package?.seconds !== undefined && row.package.seconds >= 0 ? seconds(row.package.seconds) : '–'}</td>
                <td class="r i2 nw" data-at={name} data-say={whole(at, zone)}>
                  {instant(at, Date.now(), zone)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Section>
  );
}
