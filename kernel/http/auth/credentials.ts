import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { MezzoError } from '@mezzo/sdk/contract';

/** Names and secrets of those who may come in; secrets are kept as digests. */
export class Credentials {
  private readonly key = randomBytes(32);
  private readonly digests = new Map<string, Buffer>();
  private readonly nobody = randomBytes(32);

  constructor(pairs: Iterable<readonly [principal: string, secret: string]>) {
    for (const [principal, secret] of pairs) this.digests.set(principal, this.digest(secret));
  }

  /** Takes as long for a name that is not there, and however much of the secret is right. */
  verify(principal: string, secret: string): boolean {
    const known = this.digests.get(principal);
    return timingSafeEqual(this.digest(secret), known ?? this.nobody) && known !== undefined;
  }

  private digest(secret: string): Buffer {
    return createHmac('sha256', this.key).update(secret).digest();
  }
}

const MAX_CREDENTIALS = 100_000;

/**
 * `{"credentials": [{"principal": "a", "secret": "b"}]}`, or lines of a principal and its secret with a blank between them.
 * Throws INVALID_CREDENTIALS, which says where it went wrong and shows no secret.
 */
export function parseCredentials(text: string): Credentials {
  const pairs = text.trimStart().startsWith('{') ? pairsOfJson(text) : pairsOfLines(text);
  if (pairs.length > MAX_CREDENTIALS) throw invalid(`there are more than ${MAX_CREDENTIALS}`);
  const names = new Set<string>();
  for (const [principal] of pairs) {
    if (names.has(principal)) throw invalid(`'${principal}' is there twice`);
    names.add(principal);
  }
  return new Credentials(pairs);
}

function pairsOfJson(text: string): (readonly [string, string])[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid('it begins with { and is no JSON'); // the parser's own words would show some of it
  }
  const { credentials } = json as { credentials?: unknown };
  if (!Array.isArray(credentials)) throw invalid('"credentials" is no list');
  return credentials.map((entry: unknown, i) => {
    const { principal, secret } = (entry ?? {}) as Record<string, unknown>;
    return pair(principal, secret, `credentials[${i}]`);
  });
}

function pairsOfLines(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const [principal, secret, ...more] = line.trim().split(/\s+/);
    if (more.length > 0) throw invalid(`line ${i + 1} is not a principal and a secret`);
    return [pair(principal, secret, `line ${i + 1}`)];
  });
}

function pair(principal: unknown, secret: unknown, where: string): readonly [string, string] {
  if (typeof principal !== 'string' || principal === '' || principal.includes(':'))
    throw invalid(`${where}: "principal" must be a text without ':'`);
  if (typeof secret !== 'string' || secret === '') throw invalid(`${where}: "secret" must be a text that is not empty`);
  return [principal, secret];
}

const invalid = (why: string): MezzoError =>
  new MezzoError('INVALID_CREDENTIALS', `the credentials cannot be used: ${why}`, {
    blame: 'operator',
    next: 'write {"credentials": [{"principal": "name", "secret": "..."}]}, or one "name secret" a line',
  });
