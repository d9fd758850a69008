import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogFrameParser, type LogFrame } from './frames.js';

const AT = '2026-11-23T08:46:22.774477170Z';

function encode(stream: 1 | 2, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + body.length);
  bytes[0] = stream;
  new DataView(bytes.buffer).setUint32(4, body.length);
  bytes.set(body, 8);
  return bytes;
}

const shown = (frames: readonly LogFrame[]) =>
  frames.map(({ stream, at, data }) => [stream, at, new TextDecoder().decode(data)]);

test('time and text are told apart, and the streams', () => {
  const parser = new LogFrameParser(true);
  expect(shown(parser.push(encode(1, `${AT} a b\n`)))).toEqual([['stdout', AT, 'a b\n']]);
  expect(shown(parser.push(encode(2, `${AT} \n`)))).toEqual([['stderr', AT, '\n']]);
});

test('without times a text is a text, spaces and all', () => {
  expect(shown(new LogFrameParser(false).push(encode(1, 'a b\n')))).toEqual([['stdout', '', 'a b\n']]);
});

test('frames are whole however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (texts, cuts) => {
      const bytes = Buffer.concat(texts.map((text) => encode(1, `${AT} ${text}`)));
      const parser = new LogFrameParser(true);
      const frames: LogFrame[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length]!;
        frames.push(...parser.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(shown(frames).map(([, , text]) => text)).toEqual(
        texts.map((text) => new TextDecoder().decode(new TextEncoder().encode(text))),
      );
    }),
  );
});

test('what is no log stream is not read on for ever', () => {
  expect(() => new LogFrameParser(true).push(new TextEncoder().encode('HTTP/1.1 500 oops'))).toThrow('no log stream');
});
