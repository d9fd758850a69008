import type { Readable } from 'node:stream';
import { LINE_LIMIT_BYTES } from './run-spec.js';

/** Reads newline-separated JSON; empty lines are heartbeats. A line that is too long or no JSON destroys the stream. */
export function onJsonLines(stream: Readable, listener: (message: unknown) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LIMIT_BYTES) return void stream.destroy(new Error('line too long'));
    for (const line of lines) {
      if (line === '') continue;
      const message = parse(line);
      if (message === undefined) return void stream.destroy(new Error('not JSON'));
      listener(message);
    }
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
