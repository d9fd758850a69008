import { describe, expect, test } from 'vitest';
import { containerExit, parseExitLine } from './exit.js';

const exit = (line: string, oomMib?: number) => {
  const parsed = parseExitLine(line);
  return parsed === undefined ? undefined : containerExit(parsed, oomMib);
};

describe('the line of a shim', () => {
  test('says nothing before it is whole', () => {
    expect(exit('')).toBeUndefined();
    expect(exit('13')).toBeUndefined();
    expect(exit('137 Kil')).toBeUndefined();
  });

  test('tells a code from a signal by what the shell said', () => {
    expect(exit('3 \n')).toEqual({ code: 3, message: 'Command exited with status 3' });
    expect(exit('137 \n')).toMatchObject({ code: 137 });
    expect(exit('137 Killed\n')).toEqual({ signal: 'SIGKILL', message: 'Command terminated with signal SIGKILL' });
    expect(exit('143 Terminated\n')).toMatchObject({ signal: 'SIGTERM' });
    expect(exit('139 Segmentation fault\n')).toMatchObject({ signal: 'SIGSEGV' });
    expect(exit('163 Real-time\n')).toMatchObject({ signal: 'SIG35' });
  });

  test('needs no word for signals about which shells are silent', () => {
    expect(exit('130 \n')).toMatchObject({ signal: 'SIGINT' });
    expect(exit('141 \n')).toMatchObject({ signal: 'SIGPIPE' });
  });

  test('blames the want of memory only for what was killed', () => {
    expect(exit('137 Killed\n', 32)).toEqual({
      signal: 'SIGKILL',
      limitation: 'oom',
      message: 'Memory limit exceeded: 32 MiB',
    });
    expect(exit('137 \n', 32)).toMatchObject({ code: 137, limitation: 'oom' });
    expect(exit('1 \n', 32)).toEqual({ code: 1, message: 'Command exited with status 1' });
  });
});
