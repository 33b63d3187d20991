// Who is told of changes of state, and whether it came through.
import type { BuildStatus, Verdict } from './types';
import { count, plural } from '../format/number';

export interface Webhook {
  id: string;
  url: string;
  /** Names that it is told of; empty: all. */
  names: string;
  createdAt: number;
  pending: number;
  failed: number;
}

export type DeliveryState = 'pending' | 'delivered' | 'failed' | 'unknown';

export interface Delivery {
  id: string;
  name: string;
  platform: string;
  build: number;
  status: BuildStatus;
  statusBefore: BuildStatus;
  verdict: Verdict;
  verdictBefore: Verdict;
  state: DeliveryState;
  attempts: number;
  createdAt: number;
  lastAttemptAt: number;
  nextAttemptAt: number;
  /** Of the last answer; 0: there was none. */
  answer: number;
  problem: string;
}

/** Scheme and host: the rest of a webhook's address is often a secret, and screens are seen by many. */
export function shortUrl(url: string): string {
  try {
    const { protocol, host, pathname, search } = new URL(url);
    return `${protocol}//${host}${pathname.length > 1 || search ? '/…' : '/'}`;
  } catch {
    return 'no address';
  }
}

/** Those that something was given up for first, then those that wait, then by their number. */
export function sortedWebhooks(webhooks: readonly Webhook[]): Webhook[] {
  const gravity = (each: Webhook) => (each.failed > 0 ? 0 : each.pending > 0 ? 1 : 2);
  return [...webhooks].sort((a, b) => gravity(a) - gravity(b) || Number(a.id) - Number(b.id));
}

export function webhookState({ pending, failed }: Webhook): string {
  const parts = [failed > 0 ? `${count(failed)} given up` : '', pending > 0 ? `${count(pending)} to come` : ''].filter(Boolean);
  return parts.join(', ') || 'nothing waits';
}

export function webhooksNote(webhooks: readonly Webhook[]): string {
  if (webhooks.length === 0) return '';
  const failing = webhooks.filter((each) => each.failed > 0).length;
  return `${plural(webhooks.length, 'receiver')}${failing > 0 ? `; ${failing === 1 ? 'one has' : `${count(failing)} have`} deliveries that were given up` : ''}`;
}

/** "succeeded → failed", "reproducible → unreproducible": what did not change is not told. */
export function changeText(delivery: Delivery): string {
  const step = (before: string, now: string) => (before === now || now === 'unknown' ? '' : before === 'unknown' ? now : `${before} → ${now}`);
  return [step(delivery.statusBefore, delivery.status), step(delivery.verdictBefore, delivery.verdict)].filter(Boolean).join(', ');
}

export function answerText(delivery: Delivery): string {
  if (delivery.state === 'delivered') return `taken, status ${delivery.answer}`;
  if (delivery.attempts === 0) return 'not tried yet';
  return delivery.problem || (delivery.answer > 0 ? `status ${delivery.answer}` : 'no answer');
}
