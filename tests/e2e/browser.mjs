// Chromium, and what every page must keep to: no errors on the console, no violation of the policy.
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Opens Chromium for the tests of one demo. */
export async function openBrowser(demo) {
  const browser = await chromium.launch({
    executablePath: process.env.INQUEST_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
  });
  return {
    /** Runs a test with a context of its own; its page tells of every complaint. */
    async test(run, options = {}) {
      const context = await browser.newContext({
        viewport: { width: 1440, height: 900 }, baseURL: demo.url, acceptDownloads: true, ...options,
      });
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: demo.url });
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const complaints = watch(page);
      try {
        await run({ page, context, demo, complaints });
        if (complaints.length) throw new Error(`the page complained:\n${complaints.join('\n')}`);
      } finally {
        await context.close();
      }
    },
    browser,
    close: () => browser.close(),
  };
}

/** Everything that the console, the policy and failing scripts say. */
function watch(page) {
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (!reason.includes('ERR_ABORTED')) complaints.push(`request: ${request.url()} ${reason}`);
  });
  return complaints;
}
