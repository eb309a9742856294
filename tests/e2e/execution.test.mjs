// One execution: head, waterfall, keyboard, search, details, tabs.
import { api, assert, execution, open, sql, TREE, TREE_ROW, until } from './expect.mjs';

const declined = (demo) => execution(demo, "root_error = 'CardDeclined'");
const label = (row) => row.getAttribute('aria-label');
const selected = (page) => page.locator(`${TREE_ROW}[aria-selected=true]`);

export async function it_opens_from_the_list({ page }) {
  await open(page, '/?error=CardDeclined', '.cell-name a');
  const name = await page.locator('.cell-name a').first().innerText();
  await page.locator('.cell-name a').first().click();
  await page.waitForURL(/\/x\//);
  await page.locator(TREE_ROW).first().waitFor();
  assert.equal(await page.locator('h1').innerText(), name);
}

export async function the_head_says_what_happened({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}`, TREE_ROW);
  const head = await page.locator('.execution-head').innerText();
  for (const word of ['Failed', 'ChargeCard', 'CardDeclined', 'Duration', 'States', 'Attempts']) {
    assert.ok(head.includes(word), `no ${word} in: ${head}`);
  }
}

export async function an_arn_opens_it_too({ page, demo }) {
  const [row] = await sql(demo, "select execution_arn, name from executions where state_machine = 'shipment' limit 1");
  await open(page, `/x/${encodeURIComponent(row.execution_arn)}`, TREE_ROW);
  assert.equal(await page.locator('h1').innerText(), row.name);
}

export async function the_failure_is_marked_and_found_by_key({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}`, TREE_ROW);
  const culprit = page.locator(`${TREE_ROW} .tag.culprit`);
  await culprit.first().waitFor();
  await page.locator(TREE).focus();
  const next = async () => {
    await page.keyboard.press('e');
    return (await selected(page).count()) === 1 ? label(selected(page)) : '';
  };
  await until(next, (words) => /charge.*root cause.*failed/i.test(words), 'the failure by its key');
  assert.ok(await culprit.count() >= 1, 'no row is marked as the root cause');
}

export async function the_keyboard_walks_and_folds({ page, demo }) {
  const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and status = 'SUCCEEDED'");
  await open(page, `/x/${trace_id}`, TREE_ROW);
  await page.locator(TREE).focus();
  await page.keyboard.press('j');
  await until(() => selected(page).getAttribute('aria-level'), (level) => level === '1', 'the root');
  const rows = async () => Number(await page.locator(TREE).getAttribute('aria-rowcount'));
  const all = await rows();
  await page.keyboard.press('ArrowLeft');
  await until(rows, (n) => n === 1, 'only the root');
  assert.equal(await selected(page).getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('ArrowRight');
  await until(rows, (n) => n > 1, 'unfolded');
  await page.keyboard.press('*');
  await until(rows, (n) => n >= all, 'everything unfolded');
  await page.keyboard.press('j');
  await until(() => selected(page).getAttribute('aria-level'), (level) => level === '2', 'the first state');
  await page.keyboard.press('k');
  await until(() => selected(page).getAttribute('aria-level'), (level) => level === '1', 'back');
}

export async function it_zooms_and_shows_all_again({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}`, TREE_ROW);
  await page.locator(TREE).focus();
  await page.keyboard.press('w');
  await page.keyboard.press('w');
  await page.getByRole('button', { name: /whole trace/i }).waitFor();
  await page.keyboard.press('0');
  await page.getByRole('button', { name: /whole trace/i }).waitFor({ state: 'detached' });
}

export async function search_finds_rows({ page, demo }) {
  const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and status = 'SUCCEEDED'");
  await open(page, `/x/${trace_id}`, TREE_ROW);
  await page.getByRole('searchbox', { name: 'Search rows' }).fill('PriceItem');
  await until(() => page.locator('.find output').innerText(), (text) => /\d+/.test(text), 'matches');
  await page.keyboard.press('Enter');
  await until(() => selected(page).count(), (n) => n === 1, 'a match is selected');
  assert.match(await label(selected(page)), /PriceItem/i);
}

export async function details_show_payloads_joins_and_logs({ page, demo }) {
  const [row] = await sql(demo, `select j.trace_id, j.child_span_id from joins j join executions e on e.trace_id = j.trace_id
    join invocations i on i.span_id = j.child_span_id
    where j.method = 'request_id' and e.state_machine = 'order-pipeline' and i.log_lines > 0 limit 1`);
  assert.ok(row, 'no invocation is joined by its request id');
  await open(page, `/x/${row.trace_id}?sel=${row.child_span_id}`, TREE_ROW);
  await page.locator(TREE).focus();
  if (!await page.locator('.panel').count()) await page.keyboard.press('Enter');
  const panel = page.getByRole('complementary', { name: 'Details of the selected row' });
  await panel.getByText('certain').first().waitFor();
  await panel.getByText('faas').first().waitFor();
  await panel.getByText(/REPORT|validating|price of|START/).first().waitFor();
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
}

export async function input_and_output_are_trees({ page, demo }) {
  const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and status = 'SUCCEEDED'");
  await open(page, `/x/${trace_id}?tab=io`, '.payloads');
  await page.getByText('orderId').first().waitFor();
  await page.getByText('customer').first().waitFor();
}

export async function events_are_all_there({ page, demo }) {
  const { trace_id } = await declined(demo);
  const { total } = await api(demo, `/api/v1/executions/${trace_id}/events?limit=1`);
  await open(page, `/x/${trace_id}?tab=events`, '[role=table][aria-label=Events] [role=row]:not(.head)');
  const count = page.locator('.detail-body .total');
  await until(() => count.innerText(), (text) => text.includes(String(total)), `${total} events`);
  await page.getByText('ExecutionStarted').first().waitFor();
}

export async function logs_of_the_whole_execution({ page, demo }) {
  const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and status = 'SUCCEEDED'");
  await open(page, `/x/${trace_id}?tab=logs`, '[role=table][aria-label=Logs] [role=row]');
  await page.getByText(/validating order/).first().waitFor();
}

export async function the_definition_is_there({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}?tab=definition`, '.payloads');
  await page.getByText('StartAt').first().waitFor();
}

export async function a_child_execution_is_one_click_away({ page, demo }) {
  const [row] = await sql(demo, `select trace_id from attempts where child_execution_arn is not null
    and state_machine = 'order-pipeline' limit 1`);
  await open(page, `/x/${row.trace_id}`, TREE_ROW);
  await page.locator('.children a').first().click();
  await until(() => page.locator('h1').innerText(), (name) => name.startsWith('ship-'), 'the shipment');
}

export async function an_unknown_execution_is_explained({ page, complaints }) {
  await open(page, '/x/00000000000000000000000000000001', '[role=alert]');
  // The browser itself reports the 404 of the API on its console.
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('404')));
}
