import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  bits,
  boolean,
  explicit,
  implicit,
  integer,
  ipBytes,
  octets,
  oid,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from './der.js';

// Why these are written here and not by a library: docs/adr/0008.

/** PEM texts. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 24 * 3_600_000;
const AUTHORITY_DAYS = 3650;
/** Of what daemons show: they make themselves new ones. */
export const LEAF_DAYS = 90;
/** Clocks of machines differ. */
const BACKDATED_MS = DAY_MS;

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const [COMMON_NAME, BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE] = [
  '2.5.4.3',
  '2.5.29.19',
  '2.5.29.15',
  '2.5.29.37',
];
const [SUBJECT_NAMES, SUBJECT_KEY, AUTHORITY_KEY] = ['2.5.29.17', '2.5.29.14', '2.5.29.35'];
const [SERVER_AUTH, CLIENT_AUTH] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/** The file that clients of the cluster trust: the certificate of its authority, which is no secret. */
export const authorityFile = (secretsDir: string): string => join(secretsDir, 'ca.pem');

/** The cluster's own authority. */
export class CertificateAuthority {
  private constructor(
    readonly cert: string,
    private readonly key: KeyObject,
  ) {}

  /** Reads it from `<secrets>/ca.key` (0600: key and certificate), made on first use; also writes `ca.pem`. */
  static of(secretsDir: string): CertificateAuthority {
    mkdirSync(secretsDir, { recursive: true, mode: 0o700 });
    const file = join(secretsDir, 'ca.key');
    const pem = readIfThere(file) ?? makeOnce(file, newAuthority());
    const [cert = ''] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(pem) ?? [];
    replace(authorityFile(secretsDir), cert, 0o644);
    return new CertificateAuthority(cert, createPrivateKey(pem));
  }

  /** A certificate for servers and clients alike, good for these host names and addresses. */
  issue(commonName: string, hosts: readonly string[], nowMs = Date.now()): Certified {
    const { publicKey, privateKey } = newKey();
    const authority = new X509Certificate(this.cert);
    const cert = certificate({
      subject: commonName,
      issuer: authority.subject.replace(/^CN=/, ''),
      publicKey,
      signer: this.key,
      days: LEAF_DAYS,
      nowMs,
      extensions: [
        extension(BASIC_CONSTRAINTS!, sequence(), true),
        extension(KEY_USAGE!, bits(Buffer.from([0x80]), 7), true), // digital signature
        extension(EXTENDED_KEY_USAGE!, sequence(oid(SERVER_AUTH!), oid(CLIENT_AUTH!))),
        extension(SUBJECT_NAMES!, sequence(...[...new Set(hosts)].map(hostName))),
        extension(AUTHORITY_KEY!, sequence(implicit(0, keyId(authority.publicKey)))),
      ],
    });
    return { cert, key: pkcs8(privateKey) };
  }
}

const hostName = (host: string): Buffer =>
  isIP(host) === 0 ? implicit(2, Buffer.from(host, 'latin1')) : implicit(7, ipBytes(host));

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const keyId = (key: KeyObject): Buffer => createHash('sha256').update(spki(key)).digest().subarray(0, 20);

function newAuthority(): string {
  const { publicKey, privateKey } = newKey();
  const name = `Mezzo cluster ${randomBytes(4).toString('hex')}`;
  const cert = certificate({
    subject: name,
    issuer: name,
    publicKey,
    signer: privateKey,
    days: AUTHORITY_DAYS,
    nowMs: Date.now(),
    extensions: [
      extension(BASIC_CONSTRAINTS!, sequence(boolean(true), integer(Buffer.from([0]))), true),
      extension(KEY_USAGE!, bits(Buffer.from([0x06]), 1), true), // signs certificates and lists of revoked ones
      extension(SUBJECT_KEY!, octets(keyId(publicKey))),
    ],
  });
  return cert + pkcs8(privateKey);
}

interface CertificateParts {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly days: number;
  readonly nowMs: number;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, version 3, signed with ECDSA and SHA-256. */
function certificate({ subject, issuer, publicKey, signer, days, nowMs, extensions }: CertificateParts): string {
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_SHA256,
    nameOf(issuer),
    sequence(time(new Date(nowMs - BACKDATED_MS)), time(new Date(nowMs + days * DAY_MS))),
    nameOf(subject),
    spki(publicKey),
    explicit(3, sequence(...extensions)),
  );
  const der = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, signer)));
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const nameOf = (text: string): Buffer => sequence(set(sequence(oid(COMMON_NAME!), utf8(text))));

const extension = (id: string, content: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), tagged(0x04, content));

/** All in one, or not at all; of two that do it at a time the first one wins. Answers what is there then. */
function makeOnce(file: string, text: string): string {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(file, 'utf8');
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function replace(file: string, text: string, mode: number): void {
  if (readIfThere(file) === text) return;
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

/** Milliseconds until half of its time is over: then a new one should be made. */
export function renewInMs(cert: string, nowMs = Date.now()): number {
  const { validTo } = new X509Certificate(cert);
  return Math.max(0, Date.parse(validTo) - nowMs - (LEAF_DAYS * DAY_MS) / 2);
}

/** Throws when the key is not that of the certificate. */
export function requirePair({ cert, key }: Certified): void {
  const inCert = spki(new X509Certificate(cert).publicKey);
  if (!inCert.equals(spki(createPublicKey(createPrivateKey(key)))))
    throw new Error('the key is not that of the certificate');
}
