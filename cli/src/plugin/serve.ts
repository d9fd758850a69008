import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { MezzoError } from '@mezzo/sdk/contract';
import { inspectPackage, integrityOf, MAX_PACKAGE_BYTES, parseSignatures } from '@mezzo/sdk/package';
import { DirectoryRegistry, type PackedVersion, type Packument } from './registry.js';

/** A package in base64, and what is said of it. */
const MAX_BODY_BYTES = MAX_PACKAGE_BYTES * 1.4;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const STATUS: Readonly<Record<string, number>> = {
  VERSION_EXISTS: 409,
  FORBIDDEN: 403,
  BODY_TOO_LARGE: 413,
  NOT_FOUND: 404,
};

/**
 * A directory of packages as a registry of npm, for any client of one: GET of packuments, tarballs and `/-/v1/search`; PUT of new
 * versions for whoever has the token, for nobody where there is none.
 */
export function registryServer(dir: string, token: string | undefined): Server {
  const registry = new DirectoryRegistry(dir);
  const server = createServer((request, response) => {
    void answer(registry, token, request)
      .catch((error: unknown) => failure(error))
      .then(({ status, body }) => {
        const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
        const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
        response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
      });
  });
  server.requestTimeout = 120_000;
  server.maxConnections = 256;
  return server;
}

async function answer(
  registry: DirectoryRegistry,
  token: string | undefined,
  request: IncomingMessage,
): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://registry');
  const path = decodeURIComponent(url.pathname).slice(1);
  const base = `http://${request.headers.host ?? 'localhost'}`;
  if (request.method === 'PUT') {
    requireToken(token, request.headers.authorization);
    return publish(registry, path, JSON.parse((await bodyOf(request)).toString('utf8')));
  }
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new MezzoError('FORBIDDEN', 'only GET and PUT', { blame: 'user' });
  if (path === '' || path === '-/ping') return { status: 200, body: {} };
  if (path === '-/v1/search') {
    const found = await registry.search((url.searchParams.get('text') ?? '').replace(/^keywords:\S+/, '').trim());
    const objects = found
      .slice(0, 250)
      .map(({ name, version, description }) => ({ package: { name, version, description } }));
    return { status: 200, body: { objects, total: found.length } };
  }
  const [, name = path, file] = /^(.+)\/-\/([^/]+\.tgz)$/.exec(path) ?? [];
  const packument = await registry.packument(name);
  if (packument === undefined) throw notFound(name);
  if (file === undefined) return { status: 200, body: withUrls(packument, base) };
  const version = Object.values(packument.versions).find(({ dist }) => dist.tarball === file);
  if (version === undefined) throw notFound(file);
  return { status: 200, body: await registry.tarball(version) };
}

/** What `npm publish` and `mezzo plugin publish` send. */
async function publish(registry: DirectoryRegistry, name: string, json: unknown): Promise<Answer> {
  const { versions, _attachments } = Object(json) as {
    versions?: Record<string, PackedVersion>;
    _attachments?: Record<string, { data?: string }>;
  };
  const bytes = Buffer.from(Object.values(_attachments ?? {})[0]?.data ?? '', 'base64');
  const manifest = await inspectPackage(bytes);
  if (manifest.name !== name)
    throw new MezzoError('FORBIDDEN', `the package is ${manifest.name}, not ${name}`, { blame: 'user' });
  const signatures = parseSignatures(versions?.[manifest.version]?.dist.signatures ?? []);
  await registry.publish({ manifest, bytes, file: '', integrity: integrityOf(bytes), signatures });
  return { status: 201, body: { ok: true } };
}

function withUrls(packument: Packument, base: string): Packument {
  const versions = Object.entries(packument.versions).map(([version, entry]) => {
    const tarball = `${base}/${packument.name.replace('/', '%2f')}/-/${entry.dist.tarball}`;
    return [version, { ...entry, dist: { ...entry.dist, tarball } }];
  });
  return { ...packument, versions: Object.fromEntries(versions) as Packument['versions'] };
}

function requireToken(token: string | undefined, authorization = ''): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (token !== undefined && timingSafeEqual(digest(authorization), digest(`Bearer ${token}`))) return;
  throw new MezzoError('FORBIDDEN', token === undefined ? 'nobody may publish here' : 'a token is needed to publish', {
    blame: 'user',
    next: 'publish into the directory itself, or start the server with --token-file and publish with MEZZO_REGISTRY_TOKEN',
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if ((bytes += chunk.length) > MAX_BODY_BYTES)
      throw new MezzoError('BODY_TOO_LARGE', `more than ${MAX_BODY_BYTES} bytes`, { blame: 'user' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const notFound = (what: string): MezzoError => new MezzoError('NOT_FOUND', `there is no ${what}`, { blame: 'user' });

function failure(error: unknown): Answer {
  if (error instanceof SyntaxError || error instanceof URIError)
    return { status: 400, body: { error: 'this is no JSON' } };
  if (!(error instanceof MezzoError)) return { status: 500, body: { error: 'internal error' } };
  return { status: STATUS[error.code] ?? 422, body: { error: error.message, code: error.code } };
}
