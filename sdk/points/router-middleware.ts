/** What the router tells of a request, before it passes it on. Never its body, nor the token that let it in. */
export interface MiddlewareRequest {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly url: string;
  /** Names are lower-case. Authorization and cookies of others than the cluster only where the manifest asks for them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Who has signed in; undefined where nobody has to. */
  readonly uid?: string;
  readonly clientIp: string;
}

/**
 * `allow`: it goes on, with these headers (`x-...`) for what serves it. `deny`: it ends here, with a status from 400 to 599 and words for people,
 * or with a redirect to a URL or path.
 */
export type MiddlewareDecision =
  | { readonly allow: true; readonly headers?: Readonly<Record<string, string>> }
  | { readonly allow: false; readonly status: number; readonly reason: string }
  | { readonly allow: false; readonly redirect: string };

/** Decides within a second; what it throws denies with 503. */
export type RouterMiddleware = (request: MiddlewareRequest) => MiddlewareDecision | Promise<MiddlewareDecision>;

/** Where the router asks, below the announced URL: POST, of a MiddlewareRequest as JSON, answered by a MiddlewareDecision. */
export const MIDDLEWARE_PATH = '/router-middleware/v1';
export const MAX_DECISION_BYTES = 16 * 1024;

const MAX_HEADERS = 32;
const PRINTABLE = /^[\x20-\x7e]*$/;
/** Those that the router says itself, and speaks the truth in. */
const RESERVED = /^x-(forwarded-|real-ip$|frame-options$|content-type-options$)/;

/** Undefined: it is none that the router can follow, and the request is denied. */
export function decisionOf(json: unknown): MiddlewareDecision | undefined {
  const { allow, headers = {}, status, reason, redirect } = Object(json) as Readonly<Record<string, unknown>>;
  if (allow === true) return areHeaders(headers) ? { allow, headers } : undefined;
  if (allow !== false) return undefined;
  if (typeof redirect === 'string') return isPlace(redirect) ? { allow, redirect } : undefined;
  const isRefusal = Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
  return isRefusal && typeof reason === 'string' && reason.length <= 1000
    ? { allow, status: status as number, reason }
    : undefined;
}

function areHeaders(headers: unknown): headers is Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false;
  const all = Object.entries(headers);
  return (
    all.length <= MAX_HEADERS &&
    all.every(
      ([name, value]) =>
        /^x-[a-z0-9-]{1,64}$/.test(name) &&
        !RESERVED.test(name) &&
        typeof value === 'string' &&
        value.length <= 4096 &&
        PRINTABLE.test(value),
    )
  );
}

const isPlace = (text: string): boolean =>
  text.length <= 2048 && PRINTABLE.test(text) && (/^\/(?![/\\])/.test(text) || /^https?:\/\/[^\s]+$/.test(text));
