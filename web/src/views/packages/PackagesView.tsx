// Package by platform: of one build, or of the newest build of each image.
import { packagePlatforms, packageRows, packagesSentence, type PackageRow } from '../../model/packages';
import { nameOf } from '../../model/build';
import { count } from '../../format/number';
import { useView } from '../../frame/view';
import { setQuery, to, usePlace } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { PackageTable } from './PackageTable';
import { Costs, History, Turned } from './Costs';
import { usePackages } from './data';

const MOST_ROWS = 400;

export function PackagesView({ id }: { id?: string }) {
  const place = usePlace();
  const gathered = usePackages(id);
  useView('Packages', 'A bar is the time of compiling; a black tick is what it took the other way, natively or emulated.', 'Enter opens the log');
  const name = place.query.get('name') ?? '';
  const show = place.query.get('show') ?? '';
  if (gathered.error && gathered.packages.length === 0) return <Failed error={gathered.error} what="The packages" retry={gathered.retry} />;
  if (gathered.pending && gathered.packages.length === 0) return <Loading rows={12} height={30} />;
  const rows = packageRows(gathered.packages);
  const platforms = packagePlatforms(gathered.packages);
  const turned = new Set(gathered.changes.filter((change) => change.kind === 'no-longer-wheel').map((change) => change.name));
  const words: { key: string; label: string; test: (row: PackageRow) => boolean }[] = [
    { key: '', label: 'Not a wheel everywhere', test: (row) => !row.wheelEverywhere },
    { key: 'all', label: 'All', test: () => true },
    { key: 'failed', label: 'Failed', test: (row) => row.failed },
    { key: 'turned', label: 'Turned to source', test: (row) => turned.has(row.name) },
  ];
  const chosen = words.find((word) => word.key === show) ?? words[0];
  const shown = rows.filter((row) => chosen?.test(row) && (!name || row.name === name));
  const wheels = rows.filter((row) => row.wheelEverywhere).length;
  const longest = Math.max(0, ...rows.map((row) => row.seconds));
  const build = id ? gathered.builds[0] : undefined;
  return (
    <>
      {build && (
        <p class="crumb headcrumb">
          <a class="lk" href={to(['builds', build.id])}>
            {nameOf(build)} #{build.id}
          </a>
          <span>/</span> <b>packages</b>
        </p>
      )}
      <Lede sentence={packagesSentence(rows, id ? 'in this build' : 'in the newest builds')} />
      {rows.length === 0 && !name ? (
        <Empty command="crossmill packages">Steps that install Python packages with pip or uv have their packages here; in a terminal:</Empty>
      ) : (
        <>
          <div class="filt" role="group" aria-label="Filter">
            {words.map((word) => (
              <button key={word.key} class="btn" type="button" aria-pressed={word === chosen} onClick={() => setQuery({ show: word.key || undefined })}>
                {word.label} {count(rows.filter(word.test).length)}
              </button>
            ))}
            {name && (
              <button class="btn" type="button" onClick={() => setQuery({ name: undefined })}>
                only {name}, show all
              </button>
            )}
            {!id && <span class="i3">newest build of each image</span>}
          </div>
          {shown.length > 0 && <PackageTable rows={shown.slice(0, MOST_ROWS)} platforms={platforms} longest={longest} />}
          {chosen?.key === '' && wheels > 0 && !name && (
            <p class="leg">
              <button class="btn" type="button" onClick={() => setQuery({ show: 'all' })}>
                {count(wheels)} {wheels === 1 ? 'is a wheel' : 'are wheels'} everywhere
              </button>
            </p>
          )}
          {shown.length > MOST_ROWS && <p class="leg">{count(shown.length - MOST_ROWS)} more are not shown; choose a name.</p>}
        </>
      )}
      {name && <History name={name} />}
      <Turned changes={gathered.changes} />
      {!id && <Costs />}
    </>
  );
}
