// Hosts and workers: platforms, slots, what each runs.
import type { Worker } from '../../model/types';
import { useRole, useVersion, useWorkers } from '../../api/queries';
import { may } from '../../model/role';
import { parseTask, placeOf, sharedHosts, sortedWorkers, workersSentence, workerState } from '../../model/workers';
import { shortPlatform } from '../../model/build';
import { joined, plural } from '../../format/number';
import { instant, whole } from '../../format/time';
import { useView } from '../../frame/view';
import { useZone } from '../../frame/settings';
import { to } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { Glyph } from '../../parts/Glyph';
import { PostButton } from '../../parts/PostButton';
import { Webhooks } from './Webhooks';

const MOST_SLOTS = 24;

function Slots({ worker }: { worker: Worker }) {
  const words = `${worker.slotsUsed} of ${plural(worker.slots, 'slot')} used${worker.slotsByLoad ? ', as many as the machine has room for' : ''}`;
  if (worker.slots > MOST_SLOTS) return <span>{`${worker.slotsUsed} of ${worker.slots}`}</span>;
  return (
    <span class="sl" role="img" aria-label={words}>
      {Array.from({ length: worker.slots }, (_, i) => (
        <i key={i} class={i < worker.slotsUsed ? 'on' : ''} />
      ))}
    </span>
  );
}

function Task({ name }: { name: string }) {
  const place = parseTask(name);
  if (!place) return <span class="task">{name}</span>;
  return (
    <span class="task">
      <a class="lk" href={to(['builds', place.build])}>
        #{place.build}
      </a>{' '}
      {shortPlatform(place.platform)} {place.stage}
      {place.replica > 0 && <span class="i3"> execution {place.replica + 1}</span>}
    </span>
  );
}

function Runs({ worker, now }: { worker: Worker; now: number }) {
  const zone = useZone();
  const state = workerState(worker);
  if (state === 'away') {
    return (
      <span class="farm">
        <Glyph name="infra" tone="farm" /> away since {instant(worker.lastSeen, now, zone)}
      </span>
    );
  }
  return (
    <>
      {state === 'takes none' && (
        <span class="farm">
          <Glyph name="infra" tone="farm" /> takes none: {worker.unfit}{' '}
        </span>
      )}
      {state === 'drains' && <span class="i3">{worker.distrusted ? 'distrusted' : 'drained'}{worker.tasks.length > 0 ? ', finishes ' : ''}</span>}
      {state === 'takes work' && worker.cordoned && <span class="i3">cordoned: no builds that came later </span>}
      {worker.tasks.map((task) => (
        <Task key={task} name={task} />
      ))}
      {state === 'takes work' && worker.tasks.length === 0 && <span class="i3">nothing</span>}
    </>
  );
}

function Platforms({ worker }: { worker: Worker }) {
  return (
    <>
      {worker.platforms.map((each) => (
        <span key={each.platform} class={`nw pfi${each.emulated ? ' i3' : ''}`}>
          {each.emulated && <Glyph name="emu" label="emulated" />} {each.platform}
        </span>
      ))}
    </>
  );
}

/** Drains a worker and undrains it. One that drains because it is being stopped has nothing to press. */
function Drain({ worker }: { worker: Worker }) {
  if ((worker.draining && !worker.drained) || worker.distrusted) return null;
  const verb = worker.drained ? 'undrain' : 'drain';
  return (
    <PostButton path={`workers/${encodeURIComponent(worker.name)}/${verb}`} changes={[['workers']]} problemPrefix={`${verb} failed`} label={`${verb} ${worker.name}`} at={worker.name} say={worker.drained ? 'gets tasks again' : 'finishes what it runs, gets nothing new'}>
      {worker.drained ? 'Undrain' : 'Drain'}
    </PostButton>
  );
}

function Row({ worker, now, sameHost, operates }: { worker: Worker; now: number; sameHost: boolean; operates: boolean }) {
  const zone = useZone();
  const machine = `${worker.cpus} cpus, ${worker.cpuModel}, kernel ${worker.kernel}, ${worker.runtime}, version ${worker.version}`;
  const place = placeOf(worker);
  const outvoted = worker.outvoted > 0 ? ` · outvoted ${plural(worker.outvoted, 'time')}` : '';
  return (
    <tr tabIndex={-1} data-row data-at={worker.name} data-say={`${worker.host} · ${machine}${place ? ` · ${place}` : ''}${outvoted}`}>
      <td class="b nw wn">
        {worker.name}
        {worker.pool && <span class="i3"> {worker.pool}</span>}
      </td>
      <td class={`nw wn${sameHost ? ' i3' : ''}`}>{worker.host}</td>
      <td class="i2">
        <Platforms worker={worker} />
      </td>
      <td class="nw">
        <Slots worker={worker} />
      </td>
      <td>
        <Runs worker={worker} now={now} />
      </td>
      <td class="nw i2 hz2">{plural(worker.cpus, 'cpu')}</td>
      <td class="nw hz2">
        {worker.outvoted > 0 && (
          <span class="ne">
            <Glyph name="ne" tone="ne" /> outvoted {worker.outvoted}{' '}
          </span>
        )}
        {worker.untrueReports > 0 && (
          <span class="ne">
            <Glyph name="ne" tone="ne" /> untrue reports {worker.untrueReports}
          </span>
        )}
      </td>
      <td class="r i2 nw" data-at={worker.name} data-say={`last seen ${whole(worker.lastSeen, zone)}`}>
        {worker.connected ? 'now' : instant(worker.lastSeen, now, zone)}
      </td>
      {operates && (
        <td class="r nw">
          <Drain worker={worker} />
        </td>
      )}
    </tr>
  );
}

export function WorkersView() {
  useView('Workers', 'J and K move; the machine of a worker stands here.');
  const query = useWorkers();
  const version = useVersion().data?.version;
  const operates = may(useRole(), 'operate');
  if (query.error && !query.data) return <Failed error={query.error} what="The list of workers" retry={() => void query.refetch()} />;
  if (!query.data) return <Loading rows={6} height={28} />;
  const workers = sortedWorkers(query.data);
  const now = Date.now();
  return (
    <>
      <Lede sentence={workersSentence(workers)} />
      {workers.length === 0 ? (
        <Empty command="crossmill up">A worker connects by itself when it is started; on this machine:</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="workers">
          <table class="bl wk">
            <caption class="vh">Workers by host</caption>
            <thead>
              <tr>
                <th scope="col">worker</th>
                <th scope="col">host</th>
                <th scope="col">platforms</th>
                <th scope="col">slots</th>
                <th scope="col">runs</th>
                <th scope="col" class="hz2">
                  machine
                </th>
                <th scope="col" class="hz2">
                  <span class="vh">trust</span>
                </th>
                <th scope="col" class="r">
                  seen
                </th>
                {operates && (
                  <th scope="col">
                    <span class="vh">drain</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {workers.map((worker, i) => (
                <Row key={worker.name} worker={worker} now={now} sameHost={i > 0 && workers[i - 1]?.hostId === worker.hostId} operates={operates} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="leg">
        {sharedHosts(workers).map((list) => (
          <span key={list[0]?.hostId}>
            {joined(list.map((worker) => worker.name))} run on one host: they do not count as {list.length === 2 ? 'two' : 'several'} when executions are compared.
          </span>
        ))}
        {version && <span>coordinator {version}</span>}
      </p>
      {operates && <Webhooks />}
    </>
  );
}
