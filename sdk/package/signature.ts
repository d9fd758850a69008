import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { MezzoError, messageOf } from '../contract/index.js';

/** As registries of npm keep it: ECDSA on P-256 with SHA-256 over `<name>@<version>:<integrity>`. */
export interface PackageSignature {
  /** `SHA256:<base64>` of the public key's DER (SPKI). */
  readonly keyid: string;
  /** Base64 of the DER. */
  readonly sig: string;
}

/** Whose packages are let in. */
export interface TrustedKey {
  readonly keyid: string;
  /** For people. */
  readonly name: string;
  /** PEM of the public key. */
  readonly pem: string;
}

/** What a signature is over. */
export interface SignedPackage {
  /** The package's name and version, `sha512-<base64>` of its bytes. */
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

const MAX_SIGNATURES = 8;

/** A new pair in PEM, the private one unencrypted: it is for a file of mode 0600. */
export function makeSigningKey(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privatePem: privateKey, publicPem: publicKey };
}

/** Throws SIGNING_KEY_INVALID. */
export function signPackage(privatePem: string, signed: SignedPackage): PackageSignature {
  const key = readKey(() => createPrivateKey(privatePem), 'a private');
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  return { keyid: keyIdOf(publicPem), sig: sign('sha256', textOf(signed), key).toString('base64') };
}

/** Throws SIGNING_KEY_INVALID for what is no public key on P-256. */
export function keyIdOf(publicPem: string): string {
  const key = readKey(() => createPublicKey(publicPem), 'a public');
  const der = key.export({ type: 'spki', format: 'der' });
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`;
}

/** Who of those that are trusted has signed it; undefined: none. */
export function signerOf(
  signed: SignedPackage,
  signatures: readonly PackageSignature[],
  trusted: readonly TrustedKey[],
): TrustedKey | undefined {
  for (const { keyid, sig } of signatures.slice(0, MAX_SIGNATURES)) {
    const key = trusted.find((one) => one.keyid === keyid);
    if (key !== undefined && verify('sha256', textOf(signed), key.pem, Buffer.from(sig, 'base64'))) return key;
  }
  return undefined;
}

/** From a file or the wire: `[{"keyid": ..., "sig": ...}]`. Throws SIGNATURES_INVALID. */
export function parseSignatures(json: unknown): PackageSignature[] {
  const isSignature = (one: unknown): one is PackageSignature => {
    const { keyid, sig } = Object(one) as Partial<PackageSignature>;
    return typeof keyid === 'string' && typeof sig === 'string' && keyid.length <= 128 && sig.length <= 512;
  };
  if (Array.isArray(json) && json.length <= MAX_SIGNATURES && json.every(isSignature))
    return json.map(({ keyid, sig }) => ({ keyid, sig }));
  throw new MezzoError('SIGNATURES_INVALID', `signatures are a list of at most ${MAX_SIGNATURES} {keyid, sig}`, {
    blame: 'user',
    next: 'sign the package again: `mezzo plugin pack DIR --key FILE`',
  });
}

const textOf = ({ name, version, integrity }: SignedPackage): Buffer => Buffer.from(`${name}@${version}:${integrity}`);

function readKey<T extends { asymmetricKeyDetails?: { namedCurve?: string } }>(read: () => T, kind: string): T {
  let problem = 'it is on another curve';
  try {
    const key = read();
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (cause) {
    problem = messageOf(cause);
  }
  throw new MezzoError('SIGNING_KEY_INVALID', `this is not ${kind} key on the curve P-256 in PEM: ${problem}`, {
    blame: 'user',
    next: 'make a pair with `mezzo plugin key create`',
  });
}
