import { describe, expect, it } from 'vitest';
import { delivery } from '../api/webhook_queries';
import { answerText, changeText, shortUrl, sortedWebhooks, webhooksNote, webhookState, type Webhook } from './webhooks';

const hook = (id: string, pending = 0, failed = 0): Webhook => ({ id, url: 'https://a.example', names: '', createdAt: 0, pending, failed });

describe('webhooks', () => {
  it('show no more of an address than where it leads', () => {
    expect(shortUrl('https://ci.example/hook/SECRET?key=SECRET')).toBe('https://ci.example/…');
    expect(shortUrl('http://ci.example:8080/')).toBe('http://ci.example:8080/');
    expect(shortUrl('https://ci.example/?key=SECRET')).toBe('https://ci.example/…');
    expect(shortUrl('SECRET')).toBe('no address');
  });
  it('stand by how they do', () => {
    expect(sortedWebhooks([hook('9'), hook('2', 1), hook('10', 0, 1), hook('1')]).map((each) => each.id)).toEqual(['10', '2', '1', '9']);
    expect([hook('1'), hook('1', 1), hook('1', 0, 1200), hook('1', 2, 3)].map(webhookState)).toEqual(['nothing waits', '1 to come', '1,200 given up', '3 given up, 2 to come']);
    expect(webhooksNote([hook('1')])).toBe('1 receiver');
    expect(webhooksNote([hook('1', 0, 1), hook('2', 0, 2)])).toBe('2 receivers; 2 have deliveries that were given up');
  });
});

describe('a delivery', () => {
  const one = delivery({ state: 'STATE_FAILED', attempts: 9, status: 503, problem: 'x answered 503', change: { status: 'BUILD_STATUS_FAILED', statusBefore: 'BUILD_STATUS_SUCCEEDED', verdict: 'VERDICT_FLAKY', verdictBefore: 'VERDICT_FLAKY' } });
  it('tells what changed', () => {
    expect(changeText(one)).toBe('succeeded → failed');
    expect(changeText({ ...one, statusBefore: 'unknown' })).toBe('failed');
    expect(changeText({ ...one, status: 'succeeded', verdictBefore: 'reproducible' })).toBe('reproducible → flaky');
  });
  it('tells how it went', () => {
    expect(answerText(one)).toBe('x answered 503');
    expect(answerText({ ...one, problem: '' })).toBe('status 503');
    expect(answerText({ ...one, problem: '', answer: 0 })).toBe('no answer');
    expect(answerText({ ...one, state: 'pending', attempts: 0 })).toBe('not tried yet');
    expect(answerText({ ...one, state: 'delivered', answer: 204 })).toBe('taken, status 204');
  });
});
