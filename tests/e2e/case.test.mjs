// The case file, the graph, mysteries, compare, the palette.
import { api, assert, execution, open, sql, TREE_ROW, until } from './expect.mjs';

const declined = (demo) => execution(demo, "root_error = 'CardDeclined'");
const NODE = '.sheet g.node';

/** An execution that somebody is to blame for. */
async function solved(demo) {
  const [row] = await sql(demo, "select trace_id, culprit_name, name from verdicts where outcome = 'verdict' and fatality = 'fatal' order by start_time desc limit 1");
  assert.ok(row, 'the demo holds a verdict');
  return row;
}

export async function the_head_names_the_culprit({ page, demo }) {
  const { trace_id, culprit_name } = await solved(demo);
  await open(page, `/x/${trace_id}`, '.verdict-band');
  assert.ok((await page.locator('.verdict-band').innerText()).includes(culprit_name));
  await page.locator('.verdict-band a').click();
  await page.waitForURL(/tab=case/);
  await page.locator('.judged h2').waitFor();
}

export async function every_exhibit_shows_its_raw_record({ page, demo }) {
  const { trace_id } = await solved(demo);
  const verdict = await api(demo, `/api/v1/executions/${trace_id}/verdict`);
  await open(page, `/x/${trace_id}?tab=case`, '.exhibits > li');
  assert.equal(await page.locator('.exhibits > li').count(), verdict.exhibits.length);
  assert.equal(await page.locator('.exhibit-line i').count(), verdict.exhibits.length);
  for (const [at, exhibit] of verdict.exhibits.entries()) {
    const line = page.locator('.exhibits > li').nth(at);
    assert.ok((await line.innerText()).includes(exhibit.text));
    await line.getByRole('button', { name: 'Raw record' }).click();
    await line.locator('.json').first().waitFor();
  }
}

export async function an_exhibit_leads_to_its_event({ page, demo }) {
  const { trace_id } = await solved(demo);
  const verdict = await api(demo, `/api/v1/executions/${trace_id}/verdict`);
  const at = verdict.exhibits.findIndex((exhibit) => exhibit.ref.startsWith('event:'));
  assert.ok(at >= 0, 'no event among the exhibits');
  const id = verdict.exhibits[at].ref.split('#').pop();
  await open(page, `/x/${trace_id}?tab=case`, '.exhibits > li');
  await page.locator('.exhibits > li').nth(at).getByRole('link', { name: 'Show' }).click();
  await page.getByText(`Event ${id} after event`).waitFor();
}

export async function the_case_file_exports({ page, demo }) {
  const { trace_id, culprit_name } = await solved(demo);
  await open(page, `/x/${trace_id}?tab=case`, '.case-exports');
  for (const kind of ['HTML', 'Markdown']) {
    const wait = page.waitForEvent('download');
    await page.locator('.case-exports').getByRole('link', { name: kind }).click();
    const stream = await (await wait).createReadStream();
    let text = '';
    for await (const chunk of stream) text += chunk;
    assert.ok(text.includes(culprit_name.split('[')[0]), `${kind} does not name ${culprit_name}`);
  }
  await page.locator('.case-exports').getByRole('button').click();
  await page.getByText('Copied').waitFor();
  assert.ok((await page.evaluate(() => navigator.clipboard.readText())).startsWith('## '));
}

export async function the_graph_shows_the_path_and_the_failure({ page, demo }) {
  const { trace_id } = await declined(demo);
  const graph = await api(demo, `/api/v1/executions/${trace_id}/graph`);
  await open(page, `/x/${trace_id}?tab=graph`, NODE);
  const states = graph.nodes.filter((node) => node.name);
  assert.equal(await page.locator(NODE).count(), states.length);
  assert.equal(await page.locator('.sheet path.edge.taken').count(), graph.edges.filter((edge) => edge.taken > 0).length);
  const root = states.find((node) => node.root_cause);
  assert.ok(root, 'no state is the root cause');
  const drawn = page.locator(`${NODE}.root`);
  assert.ok((await drawn.locator('title').textContent()).startsWith(root.name));
  const [sheet, box] = [await page.locator('.sheet').boundingBox(), await drawn.boundingBox()];
  assert.ok(box.y >= sheet.y && box.y + box.height <= sheet.y + sheet.height + 1, 'the root cause is out of view');
}

export async function the_graph_is_walked_by_keys({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}?tab=graph`, NODE);
  await page.keyboard.press('ArrowDown');
  const active = () => page.locator(`${NODE}.active > title`).textContent();
  const first = await active();
  await page.keyboard.press('ArrowDown');
  await until(active, (label) => label !== first, 'the next state');
  await page.keyboard.press('e');
  await until(active, (label) => /failed|caught|root cause/.test(label), 'the failure');
  const name = (await active()).split(',')[0];
  await page.keyboard.press('Enter');
  await page.locator('.panel h2', { hasText: name }).waitFor();
  await page.waitForURL((url) => url.searchParams.get('state') === name);
  await page.locator('.panel .visits a').first().click();
  await page.locator(`${TREE_ROW}[aria-selected=true]`).waitFor();
}

export async function the_graph_zooms_and_changes_its_lens({ page, demo }) {
  const { trace_id } = await declined(demo);
  await open(page, `/x/${trace_id}?tab=graph`, NODE);
  const view = () => page.locator('.sheet > svg').getAttribute('viewBox');
  const before = await view();
  await page.keyboard.press('+');
  await until(view, (now) => now !== before, 'zoomed');
  await page.getByRole('button', { name: 'Time', exact: true }).click();
  await page.waitForURL(/by=time/);
  assert.ok(await page.locator(`${NODE}.by-heat`).count() > 0);
}

export async function mysteries_group_executions_by_culprit({ page, demo }) {
  const { mysteries } = await api(demo, '/api/v1/mysteries');
  await open(page, '/mysteries', '.mystery');
  assert.equal(await page.locator('.mystery').count(), mysteries.length);
  const first = page.locator('.mystery').first();
  assert.ok((await first.innerText()).includes(mysteries[0].culprit.name));
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const listed = await first.getByRole('link', { name: 'In the list of executions' }).getAttribute('href');
  assert.equal(new URL(listed, page.url()).searchParams.get('culprit'), mysteries[0].culprit.name);
  await first.locator('.mystery-body a').first().click();
  await page.locator('.judged').waitFor();
}

export async function mysteries_are_filtered_in_the_address({ page, demo }) {
  const { mysteries } = await api(demo, '/api/v1/mysteries');
  const category = mysteries[0].category;
  await open(page, `/mysteries?category=${category}`, '.mystery');
  const expect = mysteries.filter((mystery) => mystery.category === category).length;
  assert.equal(await page.locator('.mystery').count(), expect);
  await page.locator('#search').fill('nobody is called this');
  await page.getByText('No mystery matches').waitFor();
  await page.waitForURL(/q=nobody/);
}

export async function compare_begins_with_a_choice({ page }) {
  await open(page, '/compare', '.presets button:not([disabled])');
  await page.locator('.presets button').first().click();
  await page.waitForURL(/a=state_machine/);
}

export async function the_palette_goes_to_pages_and_executions({ page, demo }) {
  const { name } = await declined(demo);
  await open(page, '/', 'header.frame nav');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('myst');
  await page.locator('#entries [role=option]', { hasText: 'Mysteries' }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/mysteries/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type(name);
  await page.locator('#entries [role=option]', { hasText: name }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/x\//);
}

export async function a_filter_that_is_not_understood_is_told({ page }) {
  await open(page, '/?min=fast', '.notice.wrong');
  assert.ok((await page.locator('.notice.wrong').innerText()).includes('min=fast'));
}
