// The SQL page: completion, running, sorting, errors, export, links.
import { readFile } from 'node:fs/promises';
import { assert, open, sql, until } from './expect.mjs';

const EDITOR = '.cm-content, textarea';
const CELL = '[role=table][aria-label=Result] [role=cell]';

/** Chromium itself keeps the style of text that is typed over, and its policy then complains. */
async function empty(page) {
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
}

async function ask(page, query) {
  await page.locator(EDITOR).first().click();
  await empty(page);
  await page.keyboard.insertText(query);
  await page.keyboard.press('Control+Enter');
}

export async function it_answers({ page, demo }) {
  await open(page, '/sql', EDITOR);
  const [held] = await sql(demo, "select count(*) as n from executions where status = 'SUCCEEDED'");
  await ask(page, "select count(*) as n from executions where status = 'SUCCEEDED'");
  await until(() => page.locator(CELL).allInnerTexts(), (cells) => cells.some((text) => text.replace(/\D/g, '') === String(held.n)), `${held.n} in the grid`);
}

export async function columns_sort({ page }) {
  await open(page, '/sql', EDITOR);
  await ask(page, 'select * from (values (2), (10), (1)) as t(n)');
  await until(() => page.locator(CELL).allInnerTexts(), (cells) => cells.includes('10'), 'an answer');
  const first = async () => (await page.locator(CELL).allInnerTexts()).filter((text) => /^\d+$/.test(text)).join();
  await page.getByRole('columnheader', { name: /^n/ }).getByRole('button').click();
  await until(first, (text) => text.endsWith('1,2,10') || text.endsWith('10,2,1'), 'sorted as numbers');
}

export async function errors_say_where({ page, complaints }) {
  await open(page, '/sql', EDITOR);
  await ask(page, 'select nmae from executions');
  await page.getByRole('alert').getByText(/nmae/).first().waitFor();
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('400')));
}

export async function a_link_brings_the_question({ page }) {
  await open(page, `/sql?q=${encodeURIComponent('select 6 * 7 as answer')}`, EDITOR);
  await until(() => page.locator(EDITOR).first().evaluate((it) => it.value ?? it.textContent),
    (text) => text.includes('6 * 7'), 'the question');
}

export async function keys_typed_while_the_editor_loads_are_kept({ page }) {
  let arrive;
  const arrived = new Promise((resolve) => { arrive = resolve; });
  await page.route('**/codemirror*', async (route) => { await arrived; await route.continue(); });
  await open(page, '/sql', 'textarea');
  await page.locator('textarea').click();
  await empty(page);
  await page.keyboard.insertText('select 6 * 7 as ');
  arrive();
  await page.locator('.cm-content').waitFor();
  await page.keyboard.insertText('answer');
  await page.keyboard.press('Control+Enter');
  await until(() => page.locator(CELL).allInnerTexts(), (cells) => cells.includes('42'), 'an answer');
  await page.getByRole('columnheader', { name: /answer/ }).waitFor();
}

export async function tables_are_completed({ page }) {
  await open(page, '/sql', '.cm-content');
  await page.locator('.cm-content').click();
  await empty(page);
  await page.keyboard.type('select count(*) from execu', { delay: 15 });
  await page.getByRole('option', { name: /executions/ }).first().waitFor();
}

export async function columns_come_before_words_nobody_types({ page }) {
  await open(page, '/sql', '.cm-content');
  await page.locator('.cm-content').click();
  await empty(page);
  await page.keyboard.type('select root_st', { delay: 15 });
  await page.getByRole('option', { name: /root_state/ }).first().waitFor();
  await empty(page);
  await page.keyboard.type('select stat', { delay: 15 });
  await page.getByRole('option', { name: /^status/ }).first().waitFor();
  const offered = await page.getByRole('option').allInnerTexts();
  const word = offered.findIndex((text) => /^STAT/.test(text));
  assert(word < 0 || offered.slice(0, word).some((text) => text.startsWith('status')), `columns first: ${offered.slice(0, 8)}`);
}

export async function answers_are_exported({ page }) {
  await open(page, '/sql', EDITOR);
  await ask(page, "select 'a' as letter, 1 as n");
  await until(() => page.locator(CELL).allInnerTexts(), (cells) => cells.includes('a'), 'an answer');
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: /csv/i }).first().click();
  const download = await waiting;
  assert.equal((await readFile(await download.path(), 'utf8')).trim().replaceAll('\r', ''), 'letter,n\na,1');
}
