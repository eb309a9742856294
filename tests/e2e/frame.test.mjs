// What holds on every page: themes, small screens, accessibility, the policy.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { assert, execution, open, ROW, TREE_ROW, until } from './expect.mjs';

const modules = process.env.INQUEST_NODE_MODULES ?? fileURLToPath(new URL('node_modules', import.meta.url));
const AXE = await readFile(`${modules}/axe-core/axe.min.js`, 'utf8');

async function pages(demo) {
  const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
  return [
    ['/', ROW],
    [`/x/${trace_id}`, TREE_ROW],
    [`/x/${trace_id}?tab=events`, '[aria-label=Events] [role=row]:not(.head)'],
    [`/x/${trace_id}?tab=case`, '.exhibits > li'],
    [`/x/${trace_id}?tab=graph`, '.sheet g.node'],
    ['/mysteries', '.mystery'],
    ['/compare', '.presets button'],
    ['/map?range=24h', '.map-drawing .box'],
    ['/slos', '.slo-table tbody tr'],
    ['/slo/orders-in-time', '.time-plot path.line'],
    ['/slos/new', '#definition'],
    ['/alerts', '.alerts > li'],
    ['/sources', '.sources > li'],
    ['/traces', 'main a[href^="/t/"]'],
    ['/sql', '.cm-content, textarea'],
  ];
}

export async function nothing_serious_for_assistive_technology({ page, demo }) {
  const found = [];
  for (const [path, sign] of await pages(demo)) {
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme });
      await open(page, path, sign);
      await page.waitForTimeout(500); // rows are drawn a frame after their frame
      // The policy forbids inline scripts: axe comes in by the debugger, as an extension would.
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      for (const { id, impact, nodes } of violations) {
        if (impact === 'serious' || impact === 'critical') {
          found.push(`${path} (${theme}): ${id} at ${nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`);
        }
      }
    }
  }
  assert.deepEqual(found, []);
}

export async function it_is_readable_at_390_pixels({ page, demo }) {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, sign] of await pages(demo)) {
    await open(page, path, sign);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 391, `${path} is ${width} pixels wide`);
  }
}

export async function light_and_dark_differ_and_switch({ page }) {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await open(page, '/', ROW);
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  await until(ground, (colour) => colour !== light, 'another background');
  const dark = await ground();
  await page.getByRole('button', { name: 'Light or dark' }).click();
  await until(ground, (colour) => colour !== dark, 'switched by hand');
}

export async function help_names_the_keys({ page }) {
  await open(page, '/', ROW);
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Waterfall').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
}

export async function the_live_indicator_is_on({ page }) {
  await open(page, '/', ROW);
  await until(() => page.locator('.live').innerText(), (text) => text.includes('Live'), 'live');
}

export async function payloads_are_never_markup({ page, demo }) {
  const script = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
  const at = new Date().toISOString();
  const events = [
    { timestamp: at, type: 'ExecutionStarted', id: 1, previousEventId: 0, executionStartedEventDetails: { input: JSON.stringify({ script }), roleArn: script } },
    { timestamp: at, type: 'PassStateEntered', id: 2, previousEventId: 0, stateEnteredEventDetails: { name: script, input: '{}' } },
    { timestamp: at, type: 'ExecutionFailed', id: 3, previousEventId: 2, executionFailedEventDetails: { error: script, cause: script } },
  ];
  const answer = await fetch(`${demo.url}/api/import?name=hostile.history.json`, { method: 'POST', body: JSON.stringify({ events }) });
  assert.equal(answer.status, 200, await answer.text());
  const { trace_id } = await execution(demo, "name like 'hostile%'");
  for (const tab of ['', '?tab=events', '?tab=io']) {
    await open(page, `/x/${trace_id}${tab}`, '.detail-body');
    await page.getByText('onerror').first().waitFor();
    assert.notEqual(await page.title(), 'owned');
  }
}

export async function headers_keep_foreign_pages_out({ demo }) {
  const page = await fetch(demo.url);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'self'/);
  assert.ok(!policy.includes("'unsafe-inline'") && !policy.includes("'unsafe-eval'"), policy);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  const foreign = await fetch(`${demo.url}/api/sql`, {
    method: 'POST', headers: { origin: 'https://evil.example' }, body: 'select 1',
  });
  assert.equal(foreign.status, 403);
}
