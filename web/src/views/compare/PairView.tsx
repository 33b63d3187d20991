// Two builds beside each other: where they part, at which levels they agree, what was given otherwise, and a step's paths.
import { useBuildPair } from '../../api/compare_queries';
import { useBuildView } from '../../api/queries';
import type { PlatformPair } from '../../model/pair';
import { levelName, levelOutcome, pairSentence, stepShown } from '../../model/pair';
import { nameOf } from '../../model/build';
import { setQuery, to, usePlace } from '../../frame/router';
import { useView } from '../../frame/view';
import { CopyButton } from '../../parts/CopyButton';
import { Glyph } from '../../parts/Glyph';
import { Lede } from '../../parts/Lede';
import { Failed, Loading } from '../../parts/states';
import { Causes } from './Causes';
import { ChangesSection } from './Changes';
import { Kinds } from './Kinds';
import { PairSteps } from './PairSteps';
import { PathTable } from './PathTable';

function Tabs({ pairs, chosen }: { pairs: readonly PlatformPair[]; chosen: PlatformPair }) {
  if (pairs.length < 2) return null;
  return (
    <div class="choices" role="group" aria-label="Platform shown">
      {pairs.map((pair) => (
        <button key={pair.platform} type="button" class="btn" aria-pressed={pair === chosen} onClick={() => setQuery({ platform: pair.platform, step: undefined })}>
          {pair.result === 'equal' && <Glyph name="eq" tone="ok" label="equal" />}
          {pair.result === 'different' && <Glyph name="ne" tone="ne" label="differs" />} {pair.platform}
        </button>
      ))}
    </div>
  );
}

function Levels({ pair, first, second }: { pair: PlatformPair; first: number; second: number }) {
  return (
    <ul class="plain lad">
      {pair.levels.map((level) => (
        <li key={level.level} data-at={levelName(level.level)} data-say={[level.first && `#${first} ${level.first}`, level.second && `#${second} ${level.second}`].filter(Boolean).join(' · ') || levelOutcome(level)}>
          <Glyph name={level.problem ? 'inc' : level.equal ? 'eq' : 'ne'} tone={level.problem ? 'q' : level.equal ? 'ok' : 'ne'} /> {levelName(level.level)}: {levelOutcome(level)}
        </li>
      ))}
    </ul>
  );
}

function Platform({ pair, first, second, step }: { pair: PlatformPair; first: number; second: number; step: string | null }) {
  if (!pair.inFirst || !pair.inSecond) return <p class="lede">Only build {pair.inFirst ? first : second} has {pair.platform}.</p>;
  const shown = stepShown(pair, step);
  const compared = pair.compared[pair.steps[shown]?.compared ?? -1];
  const sides = [`#${first}`, `#${second}`] as const;
  return (
    <>
      {pair.reason && <p class="i2">{pair.reason}</p>}
      <Levels pair={pair} first={first} second={second} />
      {pair.problem && <p class="i2">{pair.problem}</p>}
      {pair.divergence >= 0 && (
        <p>
          <b>They part here:</b> {pair.divergenceReason}
        </p>
      )}
      <PairSteps pair={pair} first={first} second={second} shown={shown} />
      <ChangesSection changes={pair.changes} second={second} />
      {compared && <Causes step={compared} titles={[`Build ${first}`, `Build ${second}`]} />}
      {compared && <PathTable step={compared} sides={sides} />}
    </>
  );
}

export function PairView({ id, other }: { id: string; other: string }) {
  const query = useBuildPair(id, other);
  const build = useBuildView(id).data;
  const place = usePlace();
  const name = build ? nameOf(build) : 'Build';
  useView(`${name} #${id} and #${other}`, 'J and K walk the steps and paths.', 'N next difference, Y copies the command');
  if (!query.data) return query.error ? <Failed error={query.error} what={`Builds ${id} and ${other}`} retry={() => void query.refetch()} /> : <Loading rows={12} />;
  const pair = query.data;
  const asked = place.query.get('platform');
  const chosen = pair.platforms.find((each) => each.platform === asked) ?? pair.platforms.find((each) => each.result === 'different') ?? pair.platforms[0];
  return (
    <>
      <div class="head">
        <p class="crumb">
          <a class="lk" href={to(['builds', pair.first])}>
            {name} #{pair.first}
          </a>
          <span>/</span> <b>beside</b>{' '}
          <a class="lk" href={to(['builds', pair.second])}>
            #{pair.second}
          </a>
        </p>
        <div class="acts">
          <a class="btn" href={to(['builds', pair.second, 'compare', pair.first])}>
            Turn round
          </a>
          <CopyButton text={`crossmill diff ${pair.first} ${pair.second}`} label="Copy command" keyName="y" />
        </div>
        <Lede sentence={pairSentence(pair)} />
      </div>
      {build && <Kinds build={build} current="builds" />}
      {chosen && <Tabs pairs={pair.platforms} chosen={chosen} />}
      {chosen && <Platform key={chosen.platform} pair={chosen} first={pair.first} second={pair.second} step={place.query.get('step')} />}
    </>
  );
}
