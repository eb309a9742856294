// The demo in Chromium: `node run.mjs [part of a test's name]`. The last line counts.
import { readdir } from 'node:fs/promises';
import { startDemo } from './server.mjs';
import { openBrowser } from './browser.mjs';

const here = new URL('.', import.meta.url);
const wanted = process.argv[2] ?? '';
const tests = [];
for (const file of (await readdir(here)).filter((name) => name.endsWith('.test.mjs')).sort()) {
  const cases = await import(new URL(file, here));
  for (const [name, run] of Object.entries(cases)) {
    const title = `${file.replace('.test.mjs', '')}: ${name.replaceAll('_', ' ')}`;
    if (title.includes(wanted)) tests.push({ title, run });
  }
}

let [passed, failed] = [0, 0];
const demo = await startDemo();
const browser = await openBrowser(demo);
try {
  for (const { title, run } of tests) {
    const start = Date.now();
    try {
      await browser.test(run);
      passed += 1;
      console.log(`ok    ${title} (${Date.now() - start} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${title}\n      ${String(error.stack ?? error).replaceAll('\n', '\n      ')}`);
    }
  }
} finally {
  await browser.close();
  await demo.stop();
}
if (passed + failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
