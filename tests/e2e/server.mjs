// The binary under test: on free ports, with data of its own, stopped at the end.
import { spawn, execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const BINARY = process.env.INQUEST_BIN;

async function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Starts `inquest demo` and waits until it answers. */
export async function startDemo() {
  if (!BINARY) throw new Error('INQUEST_BIN is not set: run `cargo xtask test --only e2e`');
  const data = await mkdtemp(join(tmpdir(), 'inquest-e2e-'));
  const [http, grpc, otlp] = [await freePort(), await freePort(), await freePort()];
  const output = [];
  const child = spawn(BINARY, [
    '--data', data, 'demo',
    '--no-open', '--ui-listen', `127.0.0.1:${http}`,
    '--grpc-listen', `127.0.0.1:${grpc}`, '--http-listen', `127.0.0.1:${otlp}`,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (text) => output.push(String(text)));
  child.stderr.on('data', (text) => output.push(String(text)));
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const url = `http://127.0.0.1:${http}`;
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(late);
    await rm(data, { recursive: true, force: true });
  };
  try {
    await ready(url, child, output);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, data, otlp: `http://127.0.0.1:${otlp}`, stop, output };
}

/** It serves while it still imports; the page is announced when everything is in. */
async function ready(url, child, output) {
  for (const start = Date.now(); Date.now() - start < 180_000;) {
    if (child.exitCode !== null) break;
    if (output.join('').includes('executions:')) {
      const answer = await fetch(`${url}/readyz`);
      if (answer.ok) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`the demo is not ready:\n${output.join('')}`);
}

/** Runs the binary with arguments and returns what it printed. */
export async function inquest(...args) {
  const { stdout } = await promisify(execFile)(BINARY, args, { maxBuffer: 64 << 20 });
  return stdout;
}
