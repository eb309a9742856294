// How fast the pages are: `cargo xtask performance` prints rows for docs/performance.md.
import { readdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './browser.mjs';
import { execution, open, ROW, TREE, TREE_ROW } from './expect.mjs';
import { startDemo } from './server.mjs';

const TRACE = 'feedface00112233445566778899aabb';
const SPANS = 100_000;

const quantile = (values, q) => values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const row = (what, value, unit) => console.log(`| ${what} | ${value} ${unit} |`);

async function bundle() {
  const dist = fileURLToPath(new URL('../../ui/dist/', import.meta.url));
  let bytes = 0;
  for (const name of await readdir(dist, { recursive: true })) {
    if (name.endsWith('.br') && !name.includes('codemirror')) bytes += (await stat(dist + name)).size;
  }
  row('first load, Brotli, without the editor', Math.round(bytes / 1000), 'kB');
}

/** A trace of 100,000 spans: 100 requests of 1,000 spans, sent over OTLP. */
async function bigTrace(demo) {
  const at = BigInt(Date.now() - 3_600_000) * 1_000_000n;
  const id = (n) => (n + 1).toString(16).padStart(16, '0');
  for (let from = 0; from < SPANS; from += 1_000) {
    const spans = Array.from({ length: 1_000 }, (_, index) => {
      const n = from + index;
      const start = at + BigInt(n) * 10_000n;
      return {
        traceId: TRACE, spanId: id(n), parentSpanId: n ? id(Math.floor((n - 1) / 8)) : '',
        name: `step ${n % 40}`, kind: 1, startTimeUnixNano: String(start),
        endTimeUnixNano: String(start + 5_000_000n + BigInt(SPANS - n) * 9_000n),
      };
    });
    const answer = await fetch(`${demo.otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: `service-${from % 7}` } }] },
        scopeSpans: [{ spans }],
      }] }),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}

async function load(browser, path, sign) {
  const times = [];
  for (let round = 0; round < 5; round += 1) {
    await browser.test(async ({ page }) => {
      const start = Date.now();
      await open(page, path, sign);
      times.push(Date.now() - start);
    });
  }
  return quantile(times, 0.5);
}

async function frames(page, sign) {
  await page.locator(sign).first().hover();
  await page.evaluate(() => {
    globalThis.frames_seen = [];
    let last = performance.now();
    const tick = (now) => { globalThis.frames_seen.push(now - last); last = now; requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  });
  for (let step = 0; step < 80; step += 1) {
    await page.mouse.wheel(0, 900);
    await page.waitForTimeout(16);
  }
  return page.evaluate(() => globalThis.frames_seen.slice(2));
}

const demo = await startDemo();
const browser = await openBrowser(demo);
try {
  await bundle();
  const { trace_id } = await execution(demo, "root_error = 'CardDeclined'");
  row('executions page, from navigation to the first row', await load(browser, '/', ROW), 'ms');
  row('an execution, from navigation to the first row', await load(browser, `/x/${trace_id}`, TREE_ROW), 'ms');
  await bigTrace(demo);
  row(`a trace of ${SPANS.toLocaleString('en')} spans, from navigation to the first row`, await load(browser, `/t/${TRACE}`, TREE_ROW), 'ms');
  await browser.test(async ({ page }) => {
    await open(page, `/t/${TRACE}`, TREE_ROW);
    await page.locator(TREE).focus();
    const seen = await frames(page, TREE_ROW);
    row('frames while scrolling that trace, median', quantile(seen, 0.5).toFixed(1), 'ms');
    row('frames while scrolling that trace, 95th percentile', quantile(seen, 0.95).toFixed(1), 'ms');
  });
} finally {
  await browser.close();
  await demo.stop();
}
