// Traces that belong to no execution, and the spans of a function inside one that does.
import { assert, open, sql, TREE_ROW, until } from './expect.mjs';

const LINK = 'main a[href^="/t/"]';

export async function they_are_listed_and_open({ page }) {
  await open(page, '/traces', LINK);
  const names = await page.locator(LINK).allInnerTexts();
  assert.ok(names.some((name) => /GET|POST/.test(name)), names.join());
  await page.locator(LINK).first().click();
  await page.locator(TREE_ROW).first().waitFor();
  const rows = await page.locator(TREE_ROW).count();
  assert.ok(rows >= 2, `${rows} rows`);
}

export async function spans_that_arrive_are_shown({ page, demo }) {
  const traceId = 'abcdef00112233445566778899aabbcc';
  const at = BigInt(Date.now()) * 1_000_000n;
  const span = (spanId, parentSpanId, name, from, to) => ({
    traceId, spanId, parentSpanId, name, kind: 2,
    startTimeUnixNano: String(at + from), endTimeUnixNano: String(at + to),
  });
  const answer = await fetch(`${demo.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'just-arrived' } }] },
      scopeSpans: [{ spans: [
        span('1111111111111111', '', 'GET /hello', 0n, 9_000_000n),
        span('2222222222222222', '1111111111111111', 'inner work', 1_000_000n, 8_000_000n),
      ] }],
    }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
  await open(page, `/t/${traceId}`, TREE_ROW);
  await until(() => page.locator(TREE_ROW).allInnerTexts(), (rows) => rows.join().includes('inner work'), 'both spans');
}

export async function function_spans_hang_below_their_invocation({ page, demo }) {
  const [row] = await sql(demo, `select j.trace_id from joins j join executions e on e.trace_id = j.trace_id
    where j.child_kind = 'span' and e.state_machine = 'order-pipeline' limit 1`);
  assert.ok(row, 'no span is joined to an invocation');
  await open(page, `/x/${row.trace_id}`, TREE_ROW);
  await page.locator('[role=treegrid]').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('*');
  await page.getByRole('searchbox', { name: 'Search rows' }).fill('/v1/charges');
  await until(() => page.locator('.find output').innerText(), (text) => /[1-9]/.test(text), 'the call of the acquirer');
}
