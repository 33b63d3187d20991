// Which build to compare one with: those of its recipe that have ended, or any by its number.
import { useState } from 'preact/hooks';
import type { EarlierBuild } from '../../api/compare_queries';
import { useRecipeBuilds } from '../../api/compare_queries';
import { useBuildView } from '../../api/queries';
import { isFinished, nameOf } from '../../model/build';
import type { BuildStatus } from '../../model/types';
import { instantWithTime } from '../../format/time';
import { plural } from '../../format/number';
import { go, to } from '../../frame/router';
import { useNow } from '../../frame/now';
import { useZone } from '../../frame/settings';
import { useView } from '../../frame/view';
import { StatusGlyph, VerdictGlyph } from '../../parts/Glyph';
import { Lede } from '../../parts/Lede';
import { Section } from '../../parts/Section';
import { Empty, Failed, Loading } from '../../parts/states';
import { Kinds } from './Kinds';

function ByNumber({ id }: { id: string }) {
  const [number, setNumber] = useState('');
  const good = /^#?[1-9]\d{0,17}$/.test(number.trim()) && number.trim().replace('#', '') !== id;
  const submit = (event: Event) => {
    event.preventDefault();
    if (good) go(to(['builds', id, 'compare', number.trim().replace('#', '')]));
  };
  return (
    <form class="bynum" onSubmit={submit}>
      <label>
        Any other by its number <input class="in" name="other" inputMode="numeric" value={number} onInput={(event) => setNumber(event.currentTarget.value)} />
      </label>{' '}
      <button class="btn" type="submit" disabled={!good}>
        Compare
      </button>
    </form>
  );
}

function Row({ id, earlier, now }: { id: string; earlier: EarlierBuild; now: number }) {
  const zone = useZone();
  return (
    <tr tabIndex={-1} data-row>
      <td>
        <a class="lk" href={to(['builds', id, 'compare', earlier.build])}>
          #{earlier.build}
        </a>
      </td>
      <td class="i2 nw">{instantWithTime(earlier.submittedAt, now, zone)}</td>
      <td>
        {earlier.cells.map((cell) => (
          <span key={cell.platform} class="nw pfi">
            <StatusGlyph status={cell.status as BuildStatus} alone /> <VerdictGlyph verdict={cell.verdict} alone /> {cell.platform}
          </span>
        ))}
      </td>
    </tr>
  );
}

export function ChooseBuild({ id }: { id: string }) {
  const query = useBuildView(id);
  const history = useRecipeBuilds(id);
  const now = useNow(false);
  const build = query.data;
  useView(build ? `${nameOf(build)} #${id} compare builds` : 'Compare', 'J and K walk the builds, Enter compares.');
  if (!build) return query.error ? <Failed error={query.error} what={`Build ${id}`} retry={() => void query.refetch()} /> : <Loading rows={8} />;
  const others = (history.data ?? []).filter((each) => String(each.build) !== id);
  return (
    <>
      <div class="head">
        <p class="crumb">
          <a class="lk" href={to(['builds', id])}>
            {nameOf(build)} #{id}
          </a>
          <span>/</span> <b>compare builds</b>
        </p>
        <div class="acts" />
        <Lede sentence={[isFinished(build.status) ? `Which build is to stand beside #${id}?` : `#${id} has not ended: it can be compared then.`]} />
      </div>
      <Kinds build={build} current="builds" />
      {isFinished(build.status) && <ByNumber id={id} />}
      <Section id="recipe-builds" title="Of the same recipe" note={history.data ? plural(others.length, 'build') : ''}>
        {history.error && <Failed part error={history.error} what="The builds of the recipe" retry={() => void history.refetch()} />}
        {history.data && others.length === 0 && <Empty>No other build of this recipe has ended.</Empty>}
        {others.length > 0 && (
          <table class="bl chooser">
            <caption class="vh">Builds of the same recipe, newest first</caption>
            <tbody>
              {others.map((each) => (
                <Row key={each.build} id={id} earlier={each} now={now} />
              ))}
            </tbody>
          </table>
        )}
      </Section>
    </>
  );
}
