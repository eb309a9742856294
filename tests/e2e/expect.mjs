// Small words for tests.
import assert from 'node:assert/strict';

export { assert };

/** Waits until `read` gives what `holds` accepts, and returns it. */
export async function until(read, holds, what, millis = 10_000) {
  let last;
  for (const start = Date.now(); Date.now() - start < millis;) {
    last = await read();
    if (holds(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  throw new Error(`${what}: waited ${millis} ms, last seen: ${JSON.stringify(last)}`);
}

/** The number that a text begins with, thousands separated or not. */
export function number(text) {
  const digits = (text.match(/[\d.,\u202f\u2009\u00a0' ]*\d/) ?? ['NaN'])[0];
  return Number(digits.replace(/[^\d]/g, ''));
}

/** An answer of the API. */
export async function api(demo, path, options) {
  const answer = await fetch(demo.url + path, options);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Rows of a SQL answer. */
export async function sql(demo, query) {
  return api(demo, '/api/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, format: 'json' }),
  });
}

/** Opens a path and waits for what a person would wait for. */
export async function open(page, path, sign) {
  await page.goto(path);
  await page.locator(sign).first().waitFor();
}

export const ROW = '[role=table][aria-label=Executions] [role=row]:not(.head)';
export const TREE = '[role=treegrid]';
export const TREE_ROW = `${TREE} [role=row]`;

/** The trace id of one execution that SQL finds. */
export async function execution(demo, where) {
  const [row] = await sql(demo, `select trace_id, name from executions where ${where} order by start_time desc limit 1`);
  assert.ok(row, `no execution where ${where}`);
  return row;
}
