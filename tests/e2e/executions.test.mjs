// The first page: the list, its filters, the histogram, and what arrives while it is open.
import { readFile } from 'node:fs/promises';
import { api, assert, number, open, ROW, sql, until } from './expect.mjs';

const total = (page) => page.locator('.list-head .total').innerText().then(number);

export async function it_lists_the_newest_first({ page, demo }) {
  await open(page, '/', ROW);
  const { rows, total: held } = await api(demo, '/api/v1/executions?limit=5');
  await until(() => total(page), (shown) => shown === held, 'the total');
  const names = await page.locator(`${ROW} .cell-name a`).allInnerTexts();
  assert.deepEqual(names.slice(0, 5), rows.map((row) => row.name));
}

export async function it_scrolls_to_the_end({ page, demo }) {
  await open(page, '/', ROW);
  const { total: held } = await api(demo, '/api/v1/executions?limit=1');
  await page.mouse.move(700, 600);
  await page.keyboard.press('End');
  const [oldest] = await sql(demo, 'select name from executions order by start_time, execution_arn limit 1');
  const seen = async () => {
    await page.mouse.wheel(0, 20_000);
    return page.locator(`${ROW} .cell-name a`).allInnerTexts();
  };
  await until(seen, (names) => names.includes(oldest.name), `the oldest of ${held} executions`, 20_000);
  const drawn = await page.locator(ROW).count();
  assert.ok(drawn < 150, `${drawn} rows are in the document: the list is not virtualised`);
}

export async function filters_are_in_the_address({ page, demo }) {
  await open(page, '/', ROW);
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: /failed/i }).click();
  await page.waitForURL(/status=FAILED/);
  const [failed] = await sql(demo, "select count(*) as n from executions where status = 'FAILED'");
  await until(() => total(page), (shown) => shown === failed.n, 'failed executions');
  await page.locator('#search').fill('order-A');
  await page.waitForURL(/q=order-A/);
  const fewer = await until(() => total(page), (shown) => shown < failed.n, 'fewer executions');
  const address = page.url();
  await page.goto('about:blank');
  await open(page, address, ROW);
  await until(() => total(page), (shown) => shown === fewer, 'the same after opening the address');
  const statuses = await page.locator(`${ROW} .cell-status`).allInnerTexts();
  assert.ok(statuses.every((text) => /failed/i.test(text)), statuses.join());
}

export async function errors_and_durations_filter({ page, demo }) {
  await open(page, '/?error=CardDeclined', ROW);
  const [declined] = await sql(demo, "select count(*) as n from executions where root_error = 'CardDeclined'");
  assert.ok(declined.n > 0);
  await until(() => total(page), (shown) => shown === declined.n, 'declined cards');
  await open(page, '/?min=10min', ROW);
  const [slow] = await sql(demo, 'select count(*) as n from executions where duration_ns >= 600000000000');
  await until(() => total(page), (shown) => shown === slow.n, 'slow executions');
}

export async function the_list_says_whose_fault_it_was({ page, demo }) {
  const [most] = await sql(
    demo,
    "select culprit_name, count(*) as n from verdicts join executions using (trace_id) where culprit_kind = 'function' group by 1 order by 2 desc, 1 limit 1",
  );
  await open(page, `/?culprit=${encodeURIComponent(most.culprit_name)}`, ROW);
  await until(() => total(page), (shown) => shown === most.n, 'the executions of one culprit');
  const cells = await page.locator(`${ROW} .cell-culprit b`).allInnerTexts();
  assert.ok(cells.length > 0 && cells.every((text) => text === most.culprit_name), `${cells}`);
  assert.equal(await page.getByLabel('Culprit').inputValue(), most.culprit_name);
}

export async function text_in_the_input_is_found({ page, demo }) {
  const [row] = await sql(demo, "select name, input from executions where state_machine = 'order-pipeline' limit 1");
  const customer = JSON.parse(row.input).customer.id;
  await open(page, `/?q=${customer}`, ROW);
  const names = await page.locator(`${ROW} .cell-name a`).allInnerTexts();
  assert.ok(names.includes(row.name), `${customer} leads to ${names}`);
}

export async function the_histogram_selects_a_time({ page }) {
  await open(page, '/?range=24h', ROW);
  const before = await total(page);
  const bars = page.locator('.histogram .bars');
  await bars.locator('rect').first().waitFor();
  const box = await bars.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 6 });
  await page.mouse.up();
  await page.waitForURL(/from=\d+&to=\d+/);
  const after = await until(() => total(page), (shown) => shown < before, 'fewer executions');
  assert.ok(after > 0);
}

export async function nothing_found_says_what_to_do({ page }) {
  await open(page, '/?q=no-such-thing-anywhere', '.empty');
  await page.getByRole('button', { name: /clear all filters/i }).click();
  await page.locator(ROW).first().waitFor();
}

export async function new_executions_appear_by_themselves({ page, demo }) {
  await open(page, '/', ROW);
  const before = await total(page);
  const fixture = new URL('../fixtures/stepfunctions/retry.history.json', import.meta.url);
  const history = JSON.parse(await readFile(fixture, 'utf8'));
  const events = Array.isArray(history) ? history : history.events;
  const start = new Date();
  events.forEach((event, index) => { event.timestamp = new Date(start.getTime() + index * 5).toISOString(); });
  const answer = await fetch(`${demo.url}/api/import?name=arrived-just-now.history.json`, {
    method: 'POST', body: JSON.stringify({ events }),
  });
  assert.equal(answer.status, 200, await answer.text());
  await until(() => total(page), (shown) => shown === before + 1, 'one execution more');
  const pill = page.locator('.pill');
  if (await pill.count()) await pill.click();
  await until(() => page.locator(`${ROW} .cell-name a`).first().innerText(),
    (name) => name.includes('arrived-just-now'), 'the new one on top');
}
