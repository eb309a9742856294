// The pictures in docs/screenshots/, from the demo as it is: `cargo xtask screenshots`.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './browser.mjs';
import { execution, open, ROW, TREE, TREE_ROW } from './expect.mjs';
import { startDemo } from './server.mjs';

const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const QUERY = `select state_machine, root_error, count(*) as executions, sum(retries) as retries
from executions where status = 'FAILED'
group by 1, 2 order by executions desc`;

async function settle(page) {
  await page.waitForTimeout(700);
}

const pictures = {
  async executions({ page }) {
    await open(page, '/?range=24h', ROW);
  },
  async execution({ page, demo }) {
    const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
    await open(page, `/x/${trace_id}`, TREE_ROW);
    await page.locator(TREE).focus();
    await page.keyboard.press('e');
    await page.keyboard.press('Enter');
  },
  async case({ page, demo }) {
    const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
    await open(page, `/x/${trace_id}?tab=case`, '.exhibits > li');
  },
  async graph({ page, demo }) {
    const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
    await open(page, `/x/${trace_id}?tab=graph`, '.sheet g.node');
  },
  async mysteries({ page }) {
    await open(page, '/mysteries?range=7d', '.mystery');
  },
  async compare({ page }) {
    const of = (status) => encodeURIComponent(`state_machine = 'order-pipeline' and status = '${status}'`);
    await open(page, `/compare?a=${of('FAILED')}&b=${of('SUCCEEDED')}`, '.compare-page .card');
  },
  async map({ page }) {
    await open(page, '/map?range=24h', '.map-drawing .box');
  },
  async slos({ page }) {
    await open(page, '/slos', '.slo-table tbody tr');
  },
  async slo({ page }) {
    await open(page, '/slo/orders-in-time', '.time-plot path.line');
  },
  async alerts({ page }) {
    await open(page, '/alerts', '.alerts > li');
  },
  async sources({ page }) {
    await open(page, '/sources', '.sources > li');
  },
  async events({ page, demo }) {
    const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
    await open(page, `/x/${trace_id}?tab=events`, '[aria-label=Events] [role=row]:not(.head)');
  },
  async logs({ page, demo }) {
    const { trace_id } = await execution(demo, "state_machine = 'order-pipeline' and status = 'SUCCEEDED'");
    await open(page, `/x/${trace_id}?tab=logs`, '[aria-label=Logs] [role=row]:not(.head)');
  },
  async traces({ page }) {
    await open(page, '/traces', 'main a[href^="/t/"]');
  },
  async trace({ page }) {
    await open(page, '/traces', 'main a[href^="/t/"]');
    await page.locator('main a[href^="/t/"]').first().click();
    await page.locator(TREE_ROW).nth(1).waitFor();
  },
  async sql({ page }) {
    await open(page, `/sql?q=${encodeURIComponent(QUERY)}`, '.cm-content, textarea');
    await page.locator('.cm-content, textarea').first().click();
    await page.keyboard.press('Control+Enter');
    await page.getByText('CardDeclined').last().waitFor();
  },
};

const wanted = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const demo = await startDemo();
const browser = await openBrowser(demo);
try {
  for (const [name, show] of Object.entries(pictures)) {
    if (wanted.length && !wanted.includes(name)) continue;
    const take = async (suffix, options) => {
      await browser.test(async (context) => {
        await show(context);
        await settle(context.page);
        await context.page.screenshot({ path: `${folder}${name}-${suffix}.png` });
      }, options);
      console.log(`docs/screenshots/${name}-${suffix}.png`);
    };
    await take('light', { colorScheme: 'light' });
    await take('dark', { colorScheme: 'dark' });
    await take('small', { colorScheme: 'light', viewport: { width: 390, height: 844 } });
  }
} finally {
  await browser.close();
  await demo.stop();
}
