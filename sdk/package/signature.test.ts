import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { keyIdOf, makeSigningKey, parseSignatures, signerOf, signPackage, type TrustedKey } from './signature.js';

const PACKAGE = { name: 'p', version: '1.0.0', integrity: 'sha512-abc' };
const { privatePem, publicPem } = makeSigningKey();
const TRUSTED: TrustedKey = { keyid: keyIdOf(publicPem), name: 'us', pem: publicPem };

test('a package is known by the signature of a key that is trusted', () => {
  const signature = signPackage(privatePem, PACKAGE);
  expect(signature.keyid).toBe(TRUSTED.keyid);
  expect(signerOf(PACKAGE, [signature], [TRUSTED])).toBe(TRUSTED);
});

test('neither another package, nor another version, nor other bytes pass under a signature', () => {
  const signature = signPackage(privatePem, PACKAGE);
  for (const change of [{ name: 'q' }, { version: '1.0.1' }, { integrity: 'sha512-abd' }])
    expect(signerOf({ ...PACKAGE, ...change }, [signature], [TRUSTED])).toBeUndefined();
});

test('a stranger that signs under the id of a trusted key is found out', () => {
  const stranger = signPackage(makeSigningKey().privatePem, PACKAGE);
  expect(signerOf(PACKAGE, [stranger], [TRUSTED])).toBeUndefined();
  expect(signerOf(PACKAGE, [{ ...stranger, keyid: TRUSTED.keyid }], [TRUSTED])).toBeUndefined();
  expect(signerOf(PACKAGE, [{ keyid: TRUSTED.keyid, sig: 'nonsense' }], [TRUSTED])).toBeUndefined();
});

test('keys on other curves, and what is no key, are refused by name', () => {
  const pem = {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  };
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384', ...pem } as never) as unknown as { publicKey: string };
  expect(() => keyIdOf(other.publicKey)).toThrow('another curve');
  expect(() => signPackage('nonsense', PACKAGE)).toThrow('not a private key');
});

test('signatures from outside have a shape and a bound', () => {
  const signature = signPackage(privatePem, PACKAGE);
  expect(parseSignatures([{ ...signature, more: 1 }])).toEqual([signature]);
  for (const wrong of [undefined, {}, [{}], [{ keyid: 'a', sig: 'b'.repeat(513) }], Array(9).fill(signature)])
    expect(() => parseSignatures(wrong)).toThrow('signatures are a list');
});
