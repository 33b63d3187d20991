import { useEffect, useRef } from 'preact/hooks';
import { useNewestBuilds, useRole, useWorkers } from '../api/queries';
import { useLink } from '../api/farm_events';
import { may } from '../model/role';
import { farmCounts, liveMark } from '../model/live_mark';
import { clock } from '../format/time';
import { Glyph } from '../parts/Glyph';
import { go, setQuery, to, usePlace } from './router';
import { toggleTheme, useZone } from './settings';

const PLACES = [
  ['wall', 'Wall'],
  ['builds', 'Builds'],
  ['packages', 'Packages'],
  ['workers', 'Workers'],
  ['trends', 'Trends'],
  ['submit', 'Submit'],
] as const;

function Search() {
  const place = usePlace();
  const field = useRef<HTMLInputElement>(null);
  const onList = place.path === '/builds';
  const words = onList ? (place.query.get('q') ?? '') : '';
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = words;
  }, [words]);
  const search = (text: string, enter: boolean) => {
    if (onList) setQuery({ q: text.trim() || undefined });
    else if (enter) go(to(['builds'], { q: text.trim() }));
  };
  return (
    <form class="find" role="search" aria-label="Builds" onSubmit={(event) => (event.preventDefault(), search(field.current?.value ?? '', true))}>
      <Glyph name="find" />
      <input
        ref={field}
        data-search
        aria-label="Filter builds"
        placeholder="status:failed platform:linux/arm64 since:7d"
        spellcheck={false}
        autocomplete="off"
        data-at="Filter"
        data-say="status: platform: verdict: name: label: target: since: until: duration> and text of names and messages; -word is without it"
        data-keys="Enter shows the builds"
        onInput={(event) => search(event.currentTarget.value, false)}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function LiveMark() {
  const builds = useNewestBuilds();
  const workers = useWorkers();
  const zone = useZone();
  const link = useLink();
  const lost = builds.isError || builds.failureCount > 0 || builds.fetchStatus === 'paused';
  useEffect(() => {
    document.documentElement.dataset.offline = lost ? 'yes' : 'no';
  }, [lost]);
  if (!builds.data) {
    return (
      <span class="live">
        <i class="off" />
        {lost ? 'connecting' : ''}
      </span>
    );
  }
  if (lost) {
    return (
      <span class="live" role="status">
        <i class="off" />
        reconnecting, as of {clock(Math.max(builds.dataUpdatedAt, link.since), zone)}
      </span>
    );
  }
  return (
    <span class="live">
      <i />
      {liveMark(farmCounts(builds.data.builds, workers.data))}
    </span>
  );
}

export function TopBar() {
  const place = usePlace();
  const section = place.path.split('/')[1];
  const submits = may(useRole(), 'submit');
  return (
    <header class="top">
      <a class="brand" href="#wall" aria-label="Crossmill, wall">
        <svg viewBox="0 0 22 14" aria-hidden="true">
          <path d="M1 3h5c5 0 5 8 10 8h5" />
          <path d="M1 11h5c1.6 0 2.7-.9 3.6-2M12.4 5c.9-1.1 2-2 3.6-2h5" />
        </svg>
        crossmill
      </a>
      <nav aria-label="Main">
        {PLACES.filter(([name]) => name !== 'submit' || submits).map(([name, label]) => (
          <a key={name} href={`#${name}`} aria-current={section === name ? 'page' : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <Search />
      <LiveMark />
      <button class="btn" type="button" id="theme" aria-label="Light or dark" data-at="Theme" data-say="light or dark, as long as this machine remembers" onClick={toggleTheme}>
        <Glyph name="theme" />
      </button>
    </header>
  );
}
