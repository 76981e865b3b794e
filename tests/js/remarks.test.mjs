/** What a report says, in the language of the page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sentence, sentencesOf } from "../../js/status/remarks.js";
import { useLanguage } from "../../js/strings.js";

const report = {
  warnings: ["At 3.00 s the new part is 9.0 dB softer.", "A backend's own words.", "Of a newer server."],
  codes: [
    { code: "seam_softer", values: { time: 3, db: 9 } },
    { code: "text", values: { text: "A backend's own words." } },
    { code: "not_known_here", values: {} },
  ],
};

test("a code is told in the language of the page, all else as the server wrote it", () => {
  assert.match(sentencesOf(report)[0], /^At 3\.00 s the new part is 9\.0 dB softer/);
  useLanguage("zh");
  assert.match(sentencesOf(report)[0], /3\.00 秒.*轻 9\.0 dB/);
  assert.deepEqual(sentencesOf(report).slice(1), report.warnings.slice(1));
  useLanguage("en");
});

test("requests are named by their place in the run, and a remark may be part of another", () => {
  const delivered = { code: "run_delivered", values: { requests: "item 1, take 2 retake 3-part 1 ($0.01); part 3 b" } };
  assert.equal(sentence(delivered), "Delivered: item 1, take 2 retake 3-part 1 ($0.01); part 3 b.");
  const joined = { code: "joined", values: { first: delivered, then: { code: "text", values: { text: "So." } } } };
  assert.match(sentence(joined), / b\. So\.$/);
  useLanguage("zh");
  assert.match(sentence(delivered), /第 1 项, 版本 2 .*; 第 3 段 b。$/);
  const why = { code: "render_cancelled", values: { id: "b" } };
  const left = { code: "left_out_call", values: { requests: "take 2; take 3", why } };
  assert.equal(
    sentence({ code: "left_out", values: { why: left } }),
    "已略去：版本 2; 版本 3：RunComfy 报告请求 b 已取消。",
  );
  useLanguage("en");
  assert.equal(sentence({ code: "not_known_here", values: {} }, "As written."), "As written.");
});

test("parts of a sentence are told in the language of the page, and may be missing", () => {
  const how = { code: "http_error", values: { status: 400, error: "400004" } };
  const what = { code: "price_of", values: { model: "m" } };
  const source = { code: "saved_here", values: {} };
  const rejected = (words) => sentence({ code: "token_rejected", values: { source, what, how, words } });
  const words = { code: "it_says", values: { words: "because" } };
  assert.match(rejected(""), /^RunComfy rejected .* asked for the price of m \(HTTP 400, error 400004\)\.$/);
  assert.match(rejected(words), /error 400004\) \(it says: because\)\.$/);
  useLanguage("zh");
  assert.equal(rejected(""), "对于“m 的价格”，RunComfy 拒绝了令牌（保存在 ComfyUI 中；HTTP 400，错误 400004）。");
  assert.match(rejected(words), /（其说明：because）。$/);
  useLanguage("en");
});

test("a report of an older server has sentences only", () => {
  assert.deepEqual(sentencesOf({ warnings: ["Old."] }), ["Old."]);
  assert.deepEqual(sentencesOf(undefined), []);
});
