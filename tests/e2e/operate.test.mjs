// Objectives, alerts, the map, sources.
import { api, assert, open, until } from './expect.mjs';

export async function objectives_are_listed_worst_first({ page, demo }) {
  const { rows } = await api(demo, '/api/v1/slos');
  assert.ok(rows.length >= 3, 'the demo has objectives');
  await open(page, '/slos', '.slo-table tbody tr');
  assert.equal(await page.locator('.slo-table tbody tr').count(), rows.length);
  const first = page.locator('.slo-table tbody tr').first();
  assert.ok((await first.innerText()).includes(rows[0].brief), 'what is good is said in a sentence');
  await first.locator('a').first().click();
  await page.waitForURL(/\/slo\//);
  await page.getByRole('heading', { name: 'Who burns it' }).waitFor();
}

export async function an_objective_shows_budget_burn_and_rules({ page, demo }) {
  const { rows } = await api(demo, '/api/v1/slos');
  const { name } = rows.find((row) => row.total > 0 && row.bad > 0);
  const detail = await api(demo, `/api/v1/slos/${encodeURIComponent(name)}`);
  await open(page, `/slo/${encodeURIComponent(name)}`, '.time-plot path.line');
  const rules = page.locator('section.card').filter({ has: page.getByRole('heading', { name: 'Rules' }) });
  assert.equal(await rules.locator('tbody tr').count(), detail.rules.length);
  assert.ok(!(await page.locator('main').innerText()).includes('000000000Z'), 'times are for people');
  const burn = page.locator('section.card').filter({ has: page.getByRole('heading', { name: 'Burn rate' }) });
  const before = await burn.locator('path.line').count();
  await burn.locator('.legend button[aria-pressed=true]').first().click();
  await until(() => burn.locator('path.line').count(), (count) => count === before - 1, 'one line less');
}

export async function a_definition_is_written_previewed_and_deleted({ page, demo }) {
  await open(page, '/slos/new', '#definition');
  await page.locator('#definition').fill('slo: written-here\nindicator: {workflow: order-pipeline}\ntarget: 90%\nwindow: 7d\n');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByText('would have').first().waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(/\/slo\/written-here$/);
  const rows = async () => (await api(demo, '/api/v1/slos')).rows.map((row) => row.name);
  await until(rows, (names) => names.includes('written-here'), 'the objective is held');
  await open(page, '/slo/written-here?edit', '#definition');
  page.once('dialog', (dialog) => dialog.accept());
  await page.getByRole('button', { name: 'Delete' }).click();
  await until(rows, (names) => !names.includes('written-here'), 'the objective is gone');
}

export async function a_wrong_definition_is_refused_with_its_reason({ page, complaints }) {
  let arrive;
  const arrived = new Promise((resolve) => { arrive = resolve; });
  await page.route('**/slos/preview', async (route) => { await arrived; await route.continue(); });
  await open(page, '/slos/new', '#definition');
  await page.locator('#definition').fill('slo: x\ntarget: 200%\n');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.error-line[role=alert]').waitFor();
  // The preview of the example was slow: what it finds does not hide the reason.
  const preview = page.waitForResponse('**/slos/preview');
  arrive();
  await preview;
  await page.getByRole('heading', { name: 'Preview' }).waitFor();
  assert.ok(await page.locator('.error-line[role=alert]').isVisible());
  // The browser tells of the refusal too.
  const others = complaints.filter((complaint) => !complaint.includes('400'));
  assert.deepEqual(others, []);
  complaints.length = 0;
}

export async function alerts_tell_what_fired({ page, demo }) {
  const fired = async () => (await api(demo, '/api/v1/alerts?limit=200')).rows.length;
  const count = await until(fired, (rows) => rows > 0, 'the demo burns a budget', 30_000);
  await open(page, '/alerts', '.alerts > li');
  assert.ok((await page.locator('.alerts').first().locator('> li').count()) >= Math.min(count, 1));
  await page.getByRole('heading', { name: 'Who is told' }).waitFor();
}

export async function the_map_draws_every_call({ page, demo }) {
  const map = await api(demo, '/api/v1/map');
  await open(page, '/map?range=all', '.map-drawing .box');
  assert.equal(await page.locator('.map-drawing .box').count(), map.nodes.length);
  assert.equal(await page.locator('.map-drawing path.call').count(), map.edges.length);
  for (const edge of map.edges) assert.ok(edge.path.startsWith('M'), `${edge.from} to ${edge.to} has a line`);
}

export async function a_box_shows_its_calls_and_an_example_opens({ page, demo }) {
  const map = await api(demo, '/api/v1/map');
  const node = map.nodes.find((it) => it.kind === 'function');
  const edges = map.edges.filter((edge) => edge.from === node.id || edge.to === node.id);
  await open(page, `/map?range=all&node=${encodeURIComponent(node.id)}`, '.map-drawing .box.picked');
  assert.equal(await page.locator('.map-table tbody tr').count(), edges.length);
  await page.locator('.map-table tbody tr').first().getByRole('link', { name: /^a / }).click();
  await page.waitForURL(/\/(x|t)\//);
}

export async function sources_say_how_they_are({ page, demo }) {
  const { rows } = await api(demo, '/api/v1/sources');
  await open(page, '/sources', '.sources > li');
  assert.equal(await page.locator('.sources > li').count(), rows.length);
}
