// Whom the farm tells of changes of state, what was delivered, and what was given up, which can be delivered again.
import { useDeliveries, useWebhooks } from '../../api/webhook_queries';
import type { Delivery, Webhook } from '../../model/webhooks';
import { answerText, changeText, shortUrl, sortedWebhooks, webhooksNote, webhookState } from '../../model/webhooks';
import { shortPlatform } from '../../model/build';
import { instant, whole } from '../../format/time';
import { plural } from '../../format/number';
import { setQuery, to, usePlace } from '../../frame/router';
import { useZone } from '../../frame/settings';
import type { Mark } from '../../parts/Glyph';
import { Glyph } from '../../parts/Glyph';
import { PostButton } from '../../parts/PostButton';
import { Section } from '../../parts/Section';
import { Empty, Failed, Loading } from '../../parts/states';

const MARK: Record<Delivery['state'], Mark & { word: string }> = {
  delivered: { name: 'ok', tone: 'ok', word: 'delivered' },
  pending: { name: 'queue', tone: 'q', word: 'to come' },
  failed: { name: 'bad', tone: 'bad', word: 'given up' },
  unknown: { name: 'inc', tone: 'q', word: 'not known' },
};

function Redeliver({ delivery, hook }: { delivery: Delivery; hook: string }) {
  return (
    <PostButton small path={`deliveries/${encodeURIComponent(delivery.id)}/redeliver`} changes={[['deliveries', hook], ['webhooks']]} problemPrefix="not delivered again" label={`Redeliver ${delivery.id}`}>
      Redeliver
    </PostButton>
  );
}

function DeliveryRow({ delivery, hook, now }: { delivery: Delivery; hook: string; now: number }) {
  const zone = useZone();
  const mark = MARK[delivery.state] ?? MARK.unknown;
  const next = delivery.state === 'pending' && delivery.nextAttemptAt > now ? `, next ${instant(delivery.nextAttemptAt, now, zone)}` : '';
  return (
    <tr tabIndex={-1} data-row data-mark={delivery.state === 'failed' || undefined} data-at={`delivery ${delivery.id}`} data-say={[delivery.name, changeText(delivery), mark.word, answerText(delivery), delivery.lastAttemptAt > 0 && `last tried ${whole(delivery.lastAttemptAt, zone)}`].filter(Boolean).join(' · ')}>
      <td class="nw">
        <Glyph name={mark.name} tone={mark.tone} /> {mark.word}
      </td>
      <td class="i2 nw">{instant(delivery.createdAt, now, zone)}</td>
      <td class="wn">
        <a class="lk" href={to(['builds', delivery.build])}>
          {delivery.name} #{delivery.build}
        </a>{' '}
        <span class="i3">{shortPlatform(delivery.platform)}</span>
      </td>
      <td class="i2">{changeText(delivery)}</td>
      <td class={delivery.state === 'failed' ? 'bad' : 'i2'}>
        {answerText(delivery)}
        {delivery.attempts > 1 && <span class="i3"> after {plural(delivery.attempts, 'attempt')}</span>}
        {next && <span class="i3">{next}</span>}
      </td>
      <td class="r">
        <Redeliver delivery={delivery} hook={hook} />
      </td>
    </tr>
  );
}

function Deliveries({ hook, failing }: { hook: Webhook; failing: boolean }) {
  const list = useDeliveries(hook.id);
  const now = Date.now();
  if (list.error && !list.data) return <Failed part error={list.error} what="The deliveries" retry={() => void list.refetch()} />;
  if (!list.data) return <Loading rows={4} />;
  const all = list.data.pages.flatMap((page) => page.deliveries);
  const shown = failing ? all.filter((each) => each.state !== 'delivered') : all;
  return (
    <>
      <p class="filt">
        <button class="btn" type="button" aria-pressed={failing} onClick={() => setQuery({ failing: failing ? undefined : '1' })}>
          Only what did not come through
        </button>
      </p>
      {shown.length === 0 ? (
        <p class="i3">{failing && all.length > 0 ? `All of the newest ${plural(all.length, 'delivery', 'deliveries')} came through.` : 'No state has changed since it was added.'}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="deliveries table">
          <table class="bl dl">
            <caption class="vh">Deliveries, newest first</caption>
            <tbody>
              {shown.map((each) => (
                <DeliveryRow key={each.id} delivery={each} hook={hook.id} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.hasNextPage && (
        <button class="btn" type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {list.isFetchingNextPage ? 'loading' : 'Load more'}
        </button>
      )}
    </>
  );
}

function HookRow({ hook, open, now }: { hook: Webhook; open: boolean; now: number }) {
  const zone = useZone();
  return (
    <tr class={open ? 'sel' : ''} tabIndex={-1} data-row data-mark={hook.failed > 0 || undefined} data-at={`webhook ${hook.id}`} data-say={`${shortUrl(hook.url)} · ${hook.names || 'all names'} · ${webhookState(hook)} · since ${whole(hook.createdAt, zone)}`}>
      <td class="i3">{hook.id}</td>
      <td class="m wn">{shortUrl(hook.url)}</td>
      <td>{hook.names ? <code>{hook.names}</code> : <span class="i3">all names</span>}</td>
      <td class={`nw${hook.failed > 0 ? ' bad' : ' i2'}`}>
        {hook.failed > 0 && <Glyph name="bad" tone="bad" />} {webhookState(hook)}
      </td>
      <td class="i2 nw hz2">since {instant(hook.createdAt, now, zone)}</td>
      <td class="r">
        <button class="btn" type="button" aria-expanded={open} aria-label={`Deliveries of webhook ${hook.id}`} onClick={() => setQuery({ webhook: open ? undefined : hook.id, failing: undefined })}>
          Deliveries
        </button>
      </td>
    </tr>
  );
}

export function Webhooks() {
  const query = useWebhooks();
  const place = usePlace();
  const now = Date.now();
  if (query.error && !query.data) return <Failed part error={query.error} what="The list of webhooks" retry={() => void query.refetch()} />;
  if (!query.data) return null;
  const hooks = sortedWebhooks(query.data);
  const open = hooks.find((hook) => hook.id === place.query.get('webhook'));
  return (
    <Section id="webhooks" title="Webhooks" note={webhooksNote(hooks)}>
      {hooks.length === 0 ? (
        <Empty command="crossmill webhook add https://ci.example/hook">Nobody is told of changes of state. Who runs the farm adds a receiver:</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="webhooks table">
          <table class="bl">
            <caption class="vh">Receivers of changes of state</caption>
            <tbody>
              {hooks.map((hook) => (
                <HookRow key={hook.id} hook={hook} open={hook === open} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {open && <Deliveries key={open.id} hook={open} failing={place.query.get('failing') === '1'} />}
    </Section>
  );
}
