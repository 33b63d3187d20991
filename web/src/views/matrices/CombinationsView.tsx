// Builds that were submitted together: combinations of build arguments down, platforms across.
import type { Build, Combinations } from '../../model/types';
import { useCombinations } from '../../api/queries';
import { cellOf, cellSays, combinationsSentence } from '../../model/combinations';
import { shortPlatform, verdictOf } from '../../model/build';
import { plain } from '../../model/sentence';
import { seconds } from '../../format/time';
import { to } from '../../frame/router';
import { useView } from '../../frame/view';
import { Announce } from '../../parts/Announce';
import { StatusGlyph, VerdictGlyph } from '../../parts/Glyph';
import { Lede } from '../../parts/Lede';
import { Failed, Loading } from '../../parts/states';

function CellOf({ build, platform }: { build: Build; platform: string }) {
  const found = cellOf(build, platform);
  const say = cellSays(build, platform);
  if (!found) {
    return (
      <td class="i3 nw" data-at={platform} data-say={say}>
        –
      </td>
    );
  }
  const { cell, status } = found;
  const verdict = cell && verdictOf(cell);
  return (
    <td class="nw" data-p={platform} data-at={`${build.place?.combination ?? ''} ${platform}`} data-say={say}>
      <StatusGlyph status={status} alone />
      <span class="pt">{cell && cell.seconds > 0 ? seconds(cell.seconds) : ''}</span>
      {verdict && verdict !== 'unverified' && <VerdictGlyph verdict={verdict} alone />}
    </td>
  );
}

function Table({ matrix }: { matrix: Combinations }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="combinations">
      <table class="bl">
        <caption class="vh">Combinations and platforms</caption>
        <thead>
          <tr>
            <th scope="col" class="r">
              build
            </th>
            <th scope="col">combination</th>
            {matrix.platforms.map((platform) => (
              <th key={platform} scope="col">
                <span class="pf">{shortPlatform(platform)}</span>
              </th>
            ))}
            <th scope="col">names</th>
          </tr>
        </thead>
        <tbody>
          {matrix.builds.map((build) => (
            <tr key={build.id}>
              <td class="i3 r">{build.id}</td>
              <td class="nw bn">
                <a
                  href={to(['builds', build.id])}
                  data-row
                  data-log={to(['builds', build.id, 'log'])}
                  data-at={build.place?.combination ?? `#${build.id}`}
                  data-say={[build.status, build.message].filter(Boolean).join(' · ')}
                  data-keys="Enter opens, L log"
                >
                  <StatusGlyph status={build.status} alone />
                  <b>{build.place?.combination ?? `#${build.id}`}</b>
                </a>
              </td>
              {matrix.platforms.map((platform) => (
                <CellOf key={platform} build={build} platform={platform} />
              ))}
              <td class="i2 m">{build.options.tags.join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function CombinationsView({ id }: { id: string }) {
  useView(`Matrix m${id}`, 'One submission over combinations of build arguments: each row is a build.');
  const query = useCombinations(id);
  const matrix = query.data;
  if (query.error && !matrix) return <Failed error={query.error} what="The matrix" retry={() => void query.refetch()} />;
  if (!matrix) return <Loading rows={6} />;
  const sentence = combinationsSentence(matrix);
  return (
    <>
      <p class="crumb">
        <a class="lk" href="#builds">
          Builds
        </a>
        <span>/</span> <b>m{matrix.id}</b>
      </p>
      <Lede sentence={sentence} />
      <Announce text={plain(sentence)} />
      <Table matrix={matrix} />
    </>
  );
}
