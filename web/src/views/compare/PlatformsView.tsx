// Two platforms of a build beside each other.
import type { Build, Step } from '../../model/types';
import type { PackagePair, PlatformStep } from '../../model/platform_pair';
import { packagesApart, platformsSentence, platformSteps } from '../../model/platform_pair';
import { neutralSays } from '../../model/neutral';
import { useBuildPackages, useBuildView } from '../../api/queries';
import { isFinished, nameOf } from '../../model/build';
import { added, plural } from '../../format/number';
import { seconds } from '../../format/time';
import { setQuery, to, usePlace } from '../../frame/router';
import { useView } from '../../frame/view';
import { CopyButton } from '../../parts/CopyButton';
import { Glyph, stepMark } from '../../parts/Glyph';
import { Lede } from '../../parts/Lede';
import { Section } from '../../parts/Section';
import { Empty, Failed, Loading } from '../../parts/states';
import { AcrossPlatforms } from '../build/AcrossPlatforms';
import { Kinds } from './Kinds';

function Choice({ name, label, value, platforms }: { name: string; label: string; value: string; platforms: readonly string[] }) {
  return (
    <label>
      {label}{' '}
      <select class="in" name={name} value={value} onChange={(event) => setQuery({ [name]: event.currentTarget.value })}>
        {platforms.map((platform) => (
          <option key={platform} value={platform}>
            {platform}
          </option>
        ))}
      </select>
    </label>
  );
}

function Cells({ step }: { step?: Step }) {
  if (!step) return <td colSpan={2} class="i3">–</td>;
  const cached = step.status === 'cached' || step.status === 'shared';
  return (
    <>
      <td class="r nw">
        <Glyph {...stepMark(step.status)} /> {cached ? `(${seconds(step.seconds)})` : seconds(step.seconds)}
        {step.emulated && <span class="i3"> emulated</span>}
      </td>
      <td class="r nw i2">{step.layer ? added(step.layer.bytes) : ''}</td>
    </>
  );
}

function Steps({ steps, first, second }: { steps: readonly PlatformStep[]; first: string; second: string }) {
  return (
    <Section id="steps" title="Steps" note="what both cost">
      <div class="scroll" tabIndex={0} role="region" aria-label="steps of both platforms">
        <table class="tree pair">
          <caption class="vh">Steps on both platforms</caption>
          <thead>
            <tr>
              <th scope="col">stage</th>
              <th scope="col">step</th>
              <th scope="col" class="r" colSpan={2}>
                {first}
              </th>
              <th scope="col" class="r" colSpan={2}>
                {second}
              </th>
            </tr>
          </thead>
          <tbody>
            {steps.map((row) => (
              <tr key={row.key} tabIndex={-1} data-row data-at={`${row.stage} ${row.number}`} data-say={row.text}>
                <td class="nw">{row.stage}</td>
                <td class="m pt">{row.text}</td>
                <Cells step={row.first ?? (row.shared ? row.second : undefined)} />
                {row.shared ? <td colSpan={2} class="i3 r">once for both</td> : <Cells step={row.second} />}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Packages({ pairs, first, second }: { pairs: readonly PackagePair[]; first: string; second: string }) {
  if (pairs.length === 0) return null;
  const text = (each: PackagePair['first']) => (each ? `${each.outcome} ${each.version}${each.seconds !== undefined && each.outcome === 'source' ? `, ${seconds(each.seconds)}` : ''}` : '–');
  return (
    <Section id="packages" title="Packages that came otherwise" note={plural(pairs.length, 'package')}>
      <div class="scroll" tabIndex={0} role="region" aria-label="packages of both platforms">
        <table class="tree pair">
          <caption class="vh">Packages that came otherwise</caption>
          <thead>
            <tr>
              <th scope="col">package</th>
              <th scope="col">{first}</th>
              <th scope="col">{second}</th>
            </tr>
          </thead>
          <tbody>
            {pairs.map((pair) => (
              <tr key={pair.name}>
                <td class="b">{pair.name}</td>
                <td>{text(pair.first)}</td>
                <td>{text(pair.second)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Pair({ build }: { build: Build }) {
  const place = usePlace();
  const packages = useBuildPackages(String(build.id), !isFinished(build.status)).data?.rows ?? [];
  const platforms = build.cells.map((cell) => cell.platform);
  const known = (name: string) => platforms.find((platform) => platform === place.query.get(name));
  const first = known('first') ?? platforms[0] ?? '';
  const second = known('second') ?? platforms.find((platform) => platform !== first) ?? first;
  const { neutral } = build;
  return (
    <>
      <div class="head">
        <p class="crumb">
          <a class="lk" href={to(['builds', build.id])}>
            {nameOf(build)} #{build.id}
          </a>
          <span>/</span> <b>platforms</b>
        </p>
        <div class="acts">
          <CopyButton text={`crossmill show ${build.id}`} label="Copy command" keyName="y" />
        </div>
        <Lede sentence={platformsSentence(neutral, first, second)} />
      </div>
      <Kinds build={build} current="platforms" />
      <p class="choices">
        <Choice name="first" label="First" value={first} platforms={platforms} /> <Choice name="second" label="Second" value={second} platforms={platforms.filter((platform) => platform !== first)} />
      </p>
      {neutralSays(neutral) && <AcrossPlatforms neutral={neutral} />}
      <Steps steps={platformSteps(build, first, second)} first={first} second={second} />
      <Packages pairs={packagesApart(packages, first, second)} first={first} second={second} />
    </>
  );
}

export function PlatformsView({ id }: { id: string }) {
  const query = useBuildView(id);
  const build = query.data;
  useView(build ? `${nameOf(build)} #${id} platforms` : 'Platforms', 'J and K walk the steps.');
  if (!build) return query.error ? <Failed error={query.error} what={`Build ${id}`} retry={() => void query.refetch()} /> : <Loading rows={12} />;
  if (build.cells.length < 2)
    return (
      <Empty command="crossmill build --platform linux/amd64,linux/arm64 .">
        <a class="lk" href={to(['builds', id])}>
          {nameOf(build)} #{id}
        </a>{' '}
        is of one platform. Two are built with:
      </Empty>
    );
  return <Pair build={build} />;
}
