// What is drawn of data: nothing runs out of the page, nothing contradicts itself, changes stand on every line of time.
import { api, assert, execution, open, sql, until } from './expect.mjs';

const PAGES = ['?tab=case', '?tab=graph', '', '?tab=events', '?tab=logs', '?tab=io', '?tab=definition'];

/** An execution that somebody is to blame for. */
async function solved(demo, where = "fatality = 'fatal' and state_machine = 'order-pipeline'") {
  const [row] = await sql(demo, `select trace_id, culprit_name, name from verdicts where outcome = 'verdict' and ${where} order by start_time desc limit 1`);
  assert.ok(row, 'the demo holds such a verdict');
  return row;
}

/** Tells a change in the middle of an execution. */
async function changed(demo, trace_id, resource) {
  const [row] = await sql(demo, `select cast(start_time as bigint) + duration_ns / 2 as at from executions where trace_id = '${trace_id}'`);
  const body = { time: String(row.at), kind: 'lambda', resource, change: 'version 7 → 8' };
  await api(demo, '/api/v1/changes', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return row.at;
}

export async function no_page_is_taller_than_the_window({ page, demo }) {
  const { trace_id } = await solved(demo);
  const paths = PAGES.map((tab) => `/x/${trace_id}${tab}`);
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const path of [...paths, '/', '/mysteries', '/cold-starts', '/slos', '/sources', '/map', '/sql', '/compare']) {
      await open(page, path, 'main .page');
      await page.waitForTimeout(700);
      const [height, wide] = await page.evaluate(() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth]);
      assert.ok(height <= 901 && wide <= width + 1, `${path} is ${wide} by ${height} in ${width} by 900`);
    }
  }
}

export async function end_shows_the_end_of_the_case({ page, demo }) {
  const { trace_id } = await solved(demo);
  await open(page, `/x/${trace_id}?tab=case`, '.two-tables');
  const last = page.locator('.case > .card').last();
  // What is still being fetched makes the page longer: who reads presses it again.
  const at_end = async () => {
    await page.keyboard.press('End');
    return last.evaluate((card) => card.getBoundingClientRect().bottom <= innerHeight + 20);
  };
  await until(at_end, Boolean, 'the end of the case');
  await page.keyboard.press('Home');
  await until(() => page.locator('.detail-body').evaluate((body) => body.scrollTop), (top) => top === 0, 'the beginning');
}

export async function the_difference_is_that_of_the_two_visits_shown({ page, demo }) {
  const { trace_id } = await solved(demo);
  const twins = await api(demo, `/api/v1/executions/${trace_id}/twins`);
  await open(page, `/x/${trace_id}?tab=case`, '.aligned tbody tr');
  for (const twin of twins.twins) {
    const accused = await sql(demo, `select 1 from verdicts where trace_id = '${twin.trace_id}' and outcome = 'verdict'`);
    assert.equal(accused.length, 0, `${twin.name} is accused itself`);
  }
  const rows = await page.locator('.aligned tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim())));
  assert.ok(rows.length > 0);
  for (const [at, state] of twins.states.entries()) {
    const [own, other] = [state.subject?.duration_ns, state.twins[0]?.duration_ns];
    if (own == null || other == null || rows.length !== twins.states.length) continue;
    assert.equal(/^[-−]/.test(rows[at][3]), own < other, `${rows[at]}`);
  }
  for (const row of rows.filter((row) => row[1] === 'not entered')) assert.ok(row[4], `${row} says nothing`);
}

export async function changes_stand_on_every_line_of_time({ page, demo }) {
  const { trace_id } = await solved(demo);
  await changed(demo, trace_id, 'charge-card');
  for (const path of ['/', `/x/${trace_id}`, `/x/${trace_id}?tab=case`, '/mysteries']) {
    await open(page, path, '.changes a');
    const mark = page.locator('.changes a').last();
    const label = await mark.getAttribute('aria-label');
    assert.ok(/change/i.test(label) && label.includes(':'), `${path}: ${label}`);
    await mark.focus();
    await page.locator('.changes .told:visible').first().waitFor();
    const labels = await page.locator('.changes a').evaluateAll((all) => all.map((it) => it.getAttribute('aria-label')));
    const own = labels.some((label) => label.includes('charge-card') && label.includes('version 7 → 8'));
    assert.ok(own || !path.startsWith('/x/'), `${path}: ${labels}`);
  }
}

export async function the_exported_file_is_whole_and_styled({ page, demo, complaints }) {
  const { trace_id } = await solved(demo);
  const path = `/api/v1/executions/${trace_id}/case.html`;
  await page.goto(path);
  for (const title of ['Exhibits', 'Where the time went', 'What it cost']) {
    assert.equal(await page.getByRole('heading', { name: title }).count(), 1, title);
  }
  assert.ok(await page.locator('svg circle').count() > 0, 'no line of exhibits');
  assert.ok(await page.locator('svg rect').count() > 0, 'no bar of the ledger');
  const font = await page.evaluate(() => getComputedStyle(document.querySelector('h2')).fontFamily);
  assert.ok(font.includes('sans-serif'), `not styled: ${font}`);
  assert.deepEqual(complaints, []);
  const answer = await fetch(demo.url + path);
  const policy = answer.headers.get('content-security-policy');
  assert.ok(policy.includes("style-src 'sha256-") && policy.includes("default-src 'none'") && !policy.includes('unsafe'), policy);
  const text = await (await fetch(`${demo.url}/api/v1/executions/${trace_id}/case.md`)).text();
  assert.ok(text.includes('| Spent on | State |') && text.includes('### What it cost'), 'the Markdown has no tables');
}

export async function keys_walk_the_exhibits({ page, demo }) {
  const { trace_id } = await solved(demo);
  await open(page, `/x/${trace_id}?tab=case`, '.exhibits > li');
  const at = () => page.evaluate(() => [...document.querySelectorAll('.exhibits > li')].indexOf(document.activeElement));
  const many = await page.locator('.exhibits > li').count();
  await page.keyboard.press('j');
  assert.equal(await at(), 0);
  await page.keyboard.press('j');
  assert.equal(await at(), Math.min(1, many - 1));
  await page.keyboard.press('k');
  assert.equal(await at(), 0);
  await page.keyboard.press('Enter');
  await page.locator('.exhibits > li').first().locator('.json').first().waitFor();
  await page.keyboard.press('e');
  await page.waitForURL((url) => url.searchParams.get('tab') !== 'case');
  await page.keyboard.press('?');
  await page.locator('dialog.help', { hasText: 'Case file' }).waitFor();
}

export async function cold_starts_have_a_page({ page, demo }) {
  const found = await api(demo, '/api/v1/cold-starts');
  const cold = found.functions.filter((it) => it.cold > 0);
  await open(page, '/cold-starts', '.cold-function');
  assert.equal(await page.locator('.cold-function').count(), cold.length);
  const first = page.locator('.cold-function').first();
  assert.ok((await first.innerText()).includes(cold[0].function));
  await first.locator('h2 a').click();
  await page.waitForURL(/function=/);
  await until(() => page.locator('.cold-function').count(), (n) => n === cold.filter((it) => it.function === cold[0].function).length, 'one function');
  await page.locator('tbody a[href^="/x/"]').first().click();
  await page.waitForURL(/\/x\//);
}

export async function two_executions_are_called_what_they_are({ page, demo }) {
  const failed = await execution(demo, "status = 'FAILED' and state_machine = 'order-pipeline'");
  const [other] = await sql(demo, `select trace_id, name from executions where status = 'FAILED' and state_machine = 'order-pipeline' and trace_id <> '${failed.trace_id}' limit 1`);
  await open(page, `/compare?a=${failed.trace_id}&b=${other.trace_id}`, '.aligned');
  const text = await page.locator('main').innerText();
  assert.ok(!/healthy/i.test(text), text);
  assert.ok(text.includes(`B: ${other.name}`));
}

export async function what_follows_does_not_stand_first({ page, demo }) {
  const [a, b] = ["state_machine = 'order-pipeline' and status = 'FAILED'", "state_machine = 'order-pipeline' and status = 'SUCCEEDED'"];
  const found = await api(demo, `/api/v1/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`);
  const marks = found.attributes.map((it) => it.consequence);
  assert.ok(marks.includes(true), 'nothing is a consequence');
  assert.deepEqual(marks, [...marks].sort(), 'a consequence stands before an explanation');
  await open(page, `/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`, 'td.number');
  const text = await page.locator('main').innerText();
  assert.ok(text.includes('a consequence') && text.includes('< 0.001'), text);
}

export async function items_of_a_distributed_map_are_counted({ page, demo }) {
  const [row] = await sql(demo, "select distinct s.trace_id as trace_id from states s join executions e on e.map_run_arn = s.map_run_arn where s.state_type = 'Map' limit 1");
  assert.ok(row, 'the demo holds a distributed Map with its items');
  const graph = await api(demo, `/api/v1/executions/${row.trace_id}/graph`);
  const map = graph.nodes.find((node) => node.kind === 'Map');
  assert.ok(map.iterations.length > 0, 'no items');
  assert.ok(graph.nodes.some((node) => node.parent != null && node.visits > 0), 'nothing in the Map was entered');
  await open(page, `/x/${row.trace_id}?tab=graph`, '.sheet g.node');
  assert.ok(/\d+ items?/.test(await page.locator('.sheet g.node.container .subject').first().textContent()));
}

export async function texts_stay_in_their_boxes({ page, demo }) {
  const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and retries > 0");
  await open(page, `/x/${trace_id}?tab=graph`, '.sheet g.node');
  const out = await page.locator('.sheet g.node').evaluateAll((nodes) => nodes.flatMap((node) => {
    const box = node.querySelector('rect').getBBox();
    const texts = [...node.querySelectorAll('text')].map((text) => text.getBBox());
    const [, subject, badge] = texts;
    const apart = !badge?.width || !subject?.width || subject.x + subject.width <= badge.x + 1;
    const inside = texts.every((text) => !text.width || (text.x >= box.x && text.x + text.width <= box.x + box.width));
    return inside && apart ? [] : [node.textContent];
  }));
  assert.deepEqual(out, []);
  const legend = await page.locator('.graph-tools').innerText();
  assert.ok(legend.includes('Timed out') && legend.includes('Aborted'), legend);
}

export async function marks_that_turn_writing_are_written_out({ page, demo }) {
  const text = 'refund \u202edetrever si gnihton';
  const [row] = await sql(demo, "select trace_id, span_id from spans where kind = 'server' limit 1");
  assert.ok(row);
  const span = {
    traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), name: text, kind: 2,
    startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now() + 5}000000`,
    attributes: [{ key: 'note', value: { stringValue: text } }],
  };
  const body = { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bidi' } }] }, scopeSpans: [{ spans: [span] }] }] };
  const sent = await fetch(`${demo.otlp}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(sent.ok);
  await open(page, `/t/${span.traceId}?sel=${span.spanId}`, '.panel .attributes');
  const shown = await page.locator('main').innerText();
  assert.ok(!shown.includes('\u202e'), 'the mark is drawn');
  assert.ok(shown.includes('u202e') || shown.includes('u{202e}'), shown);
}

export async function mysteries_show_the_time_of_the_data({ page, demo }) {
  const found = await api(demo, '/api/v1/mysteries?buckets=48');
  const day = 86_400e9;
  assert.ok(Number(found.to) - Number(found.from) < 30 * day, 'the trend spans more than the data');
  const items = found.mysteries.filter((it) => it.culprit?.kind === 'item').map((it) => `${it.culprit.name.split('[')[0]} ${it.category}`);
  assert.equal(new Set(items).size, items.length, `${items}`);
  await open(page, '/mysteries', '.trend-axis');
  assert.ok((await page.locator('.trend-axis').innerText()).includes('The trends show'));
}

export async function what_went_green_has_an_effect({ page, demo }) {
  const { trace_id } = await solved(demo, "fatality = 'none'");
  await open(page, `/x/${trace_id}?tab=case`, '.findings');
  const text = await page.locator('.findings').innerText();
  assert.ok(!text.includes('no harm') && text.includes('green'), text);
  assert.equal(await page.locator('.verdict-band').count(), 0, 'the headline stands twice');
}
