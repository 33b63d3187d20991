// Webhooks and their deliveries; only who operates the farm may ask.
import { useInfiniteQuery, useQuery } from '@tanstack/preact-query';
import type * as wire from './wire';
import * as decode from './decode';
import { getJson } from './client';
import type { Delivery, Webhook } from '../model/webhooks';

const SELDOM = 15_000;

function webhook(value: wire.Webhook): Webhook {
  return {
    id: String(value.id ?? '0'),
    url: value.url ?? '',
    names: value.names ?? '',
    createdAt: decode.time(value.createdAt),
    pending: decode.integer(value.pending),
    failed: decode.integer(value.failed),
  };
}

export function delivery(value: wire.WebhookDelivery): Delivery {
  const change = value.change ?? {};
  return {
    id: String(value.id ?? '0'),
    name: change.name ?? '',
    platform: decode.platform(change.platform),
    build: decode.integer(change.buildId),
    status: decode.word(change.status, 'BUILD_STATUS_'),
    statusBefore: decode.word(change.statusBefore, 'BUILD_STATUS_'),
    verdict: decode.word(change.verdict, 'VERDICT_'),
    verdictBefore: decode.word(change.verdictBefore, 'VERDICT_'),
    state: decode.word(value.state, 'STATE_'),
    attempts: value.attempts ?? 0,
    createdAt: decode.time(value.createdAt),
    lastAttemptAt: decode.time(value.lastAttemptAt),
    nextAttemptAt: decode.time(value.nextAttemptAt),
    answer: value.status ?? 0,
    problem: value.problem ?? '',
  };
}

export function useWebhooks() {
  return useQuery({
    queryKey: ['webhooks'],
    queryFn: async ({ signal }) => ((await getJson<wire.ListWebhooksResponse>('webhooks', {}, signal)).webhooks ?? []).map(webhook),
    refetchInterval: SELDOM,
  });
}

/** The newest first, page by page. */
export function useDeliveries(id: string) {
  return useInfiniteQuery({
    queryKey: ['deliveries', id],
    queryFn: async ({ pageParam, signal }) => {
      const answer = await getJson<wire.ListDeliveriesResponse>(`webhooks/${encodeURIComponent(id)}/deliveries`, { page_token: pageParam }, signal);
      return { deliveries: (answer.deliveries ?? []).map(delivery), next: answer.nextPageToken ?? '' };
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: SELDOM,
  });
}
