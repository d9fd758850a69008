import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { guideBlocks, printedPattern } from '../support/guide.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const GUIDE = readFileSync(join(root, 'docs/guides/first-framework.md'), 'utf8');

let cluster: TestCluster;
let home: string;
let background: ChildProcess | undefined;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mezzo-guide-'));
  cluster = await TestCluster.up();
}, 120_000);
afterAll(async () => {
  interrupt(background, 'SIGKILL');
  await cluster?.destroy();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** The reader's terminals: a shell in a directory that each block may leave for another. */
class Terminal {
  private cwd = root;
  readonly env = {
    ...process.env,
    HOME: home,
    NO_COLOR: '1',
    MEZZO_WORK_DIR: cluster.workDir,
    npm_config_update_notifier: 'false',
  };

  /** Answers what it prints to stdout, and all the rest when it fails. */
  run(block: string): Promise<string> {
    const script = `set -e\ncd "$0"\n${this.here(block)}\npwd >"$HOME/cwd"\n`;
    return new Promise((resolve, reject) =>
      execFile('bash', ['-c', script, this.cwd], { env: this.env, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error !== null) return reject(new Error(`${block}${stdout}${stderr}`));
        this.cwd = readFileSync(join(home, 'cwd'), 'utf8').trim();
        resolve(stdout);
      }),
    );
  }

  start(block: string): ChildProcess {
    return spawn('bash', ['-c', `exec ${block}`], {
      cwd: this.cwd,
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.cwd, name), text);
  }

  /** Beside other clusters, this one has ports of its own. */
  private here = (block: string): string => block.replace(/127\.0\.0\.1:8000/g, `127.0.0.1:${cluster.port(8000)}`);
}

/** As a terminal does it: all that run in it get the signal. */
function interrupt(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGINT'): void {
  if (child?.pid !== undefined) process.kill(-child.pid, signal);
}

test('the guide does what it says, block by block', async () => {
  const terminal = new Terminal();
  let printed: () => string | Promise<string> = () => '';
  /** What is printed by now will do, or what will be. */
  let patienceMs = 0;
  let output = '';
  let ran = 0;
  for (const { mark, text } of guideBlocks(GUIDE)) {
    if (mark !== 'printed') patienceMs = mark === 'run' ? 0 : 60_000;
    const name = /^file=(\S+)$/.exec(mark)?.[1];
    if (name !== undefined) terminal.write(name, text);
    else if (mark === 'run until') printed = () => terminal.run(text);
    else if (mark === 'run') {
      const whole = await terminal.run(text);
      printed = () => whole;
    } else if (mark === 'background') {
      background = terminal.start(text);
      background.stdout?.on('data', (data: Buffer) => (output += String(data)));
      printed = () => output;
    } else if (mark === 'interrupt') {
      interrupt(background);
      await until(`the end of it, not ${output}`, () => printedPattern(text).test(output), 30_000);
      background = undefined;
    } else {
      expect(mark).toBe('printed');
      let seen = '';
      const matches = async () => printedPattern(text).test((seen = await printed()));
      await until('what is printed', matches, patienceMs, 200).catch(() => expect(seen).toMatch(printedPattern(text)));
      ran++;
    }
  }
  expect(ran).toBeGreaterThan(8);
}, 230_000);

test('what is printed is compared whole, save for what is left open', () => {
  expect('one 1\ntwo\nthree\n').toMatch(printedPattern('one …\n...\nthree'));
  expect('one 1\n').toMatch(printedPattern('...\none 1\n...'));
  expect('one 1\ntwo\n').not.toMatch(printedPattern('one 1'));
  expect('one 2\n').not.toMatch(printedPattern('one 1'));
  expect('one\n').not.toMatch(printedPattern('...\none 1\n...'));
});
