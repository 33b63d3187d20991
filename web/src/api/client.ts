// Requests to /api/v1 and what goes wrong with them.

/** Where the API is: beside the page, wherever that is served. */
export function apiUrl(path: string, query?: Record<string, string | number | undefined>): string {
  const url = new URL(`api/v1/${path.replace(/^\//, '')}`, document.baseURI);
  url.hash = '';
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

/** An answer of RFC 9457, or that there was no answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string,
  ) {
    super(detail || title);
  }
}

async function problemOf(response: Response): Promise<Problem> {
  let title = response.statusText || `status ${response.status}`;
  let detail = '';
  let requestId = response.headers.get('x-request-id') ?? '';
  try {
    const body: unknown = await response.json();
    if (body && typeof body === 'object') {
      const fields = body as Record<string, unknown>;
      title = String(fields.title ?? title);
      detail = String(fields.detail ?? '');
      requestId = String(fields.requestId ?? fields.request_id ?? fields.instance ?? requestId);
    }
  } catch {
    // It is no JSON: the status says it all.
  }
  return new Problem(response.status, title, detail, requestId);
}

declare global {
  /** What public/early.js has asked for. */
  var crossmillEarly: { url: string; answer: Promise<Response>; at: number } | undefined;
}

/** An answer that is older than this may be no longer true: a view is asked for again. */
const EARLY_HOLDS = 5_000;

/** The answer to a question that was asked before this script was there: once, and soon. */
function takeEarly(url: string): Promise<Response> | undefined {
  const early = globalThis.crossmillEarly;
  if (early?.url !== url) return undefined;
  globalThis.crossmillEarly = undefined;
  return performance.now() - early.at < EARLY_HOLDS ? early.answer : undefined;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    const early = init.method === undefined ? takeEarly(url) : undefined;
    response = await (early ?? fetch(url, { credentials: 'same-origin', ...init }));
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(0, 'The farm does not answer', '', '');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function getJson<T>(path: string, query?: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<T> {
  const response = await send(apiUrl(path, query), { headers: { accept: 'application/json' }, signal });
  return (await response.json()) as T;
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await send(apiUrl(path), { headers: { accept: 'text/plain' }, signal });
  return response.text();
}

export async function postJson<T>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await send(apiUrl(path), {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: body === undefined ? '{}' : JSON.stringify(body),
  });
  return (await response.json()) as T;
}
