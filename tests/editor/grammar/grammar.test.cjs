// The grammars of the VS Code extension, through the tokenizer of VS Code.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const root = process.env.FLUX_ROOT;
const syntaxes = path.join(root, "editors/vscode/syntaxes");
const extension = JSON.parse(fs.readFileSync(path.join(root, "editors/vscode/package.json"), "utf8"));

async function grammar() {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const files = { "text.html.markdown.flux": "flux-md.tmLanguage.json", "source.flux": "flux.tmLanguage.json" };
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => {
      const file = files[scope] && path.join(syntaxes, files[scope]);
      // Other languages are those of VS Code itself; what they find is not looked at.
      const text = file ? fs.readFileSync(file, "utf8") : JSON.stringify({ scopeName: scope, patterns: [] });
      return textmate.parseRawGrammar(text, file ?? "other.json");
    },
  });
  return registry.loadGrammar("text.html.markdown.flux");
}

const loaded = grammar();

/// The tokens of a text, line by line: what they are and their scopes.
async function tokens(text) {
  const language = await loaded;
  let state = textmate.INITIAL;
  return text.split("\n").map((line) => {
    const result = language.tokenizeLine(line, state);
    state = result.ruleStack;
    return result.tokens.map((token) => ({
      text: line.slice(token.startIndex, token.endIndex),
      scopes: token.scopes,
    }));
  });
}

function scopesOf(lines, line, text) {
  const token = lines[line].find((one) => one.text.trim() === text);
  assert.ok(token, `no token ${text} in ${JSON.stringify(lines[line])}`);
  return token.scopes;
}

function has(lines, line, text, scope) {
  assert.ok(scopesOf(lines, line, text).includes(scope), `${text}: ${scopesOf(lines, line, text)}`);
}

test("the extension names its grammars", () => {
  for (const one of extension.contributes.grammars) {
    const file = JSON.parse(fs.readFileSync(path.join(root, "editors/vscode", one.path), "utf8"));
    assert.strictEqual(file.scopeName, one.scopeName);
  }
});

test("headings of sections differ from those of prose", async () => {
  const lines = await tokens("## Loop\n## Every 60s\n### fn: area(w: f64) -> f64\n## Supervise\n## About pumps");
  for (const [line, text] of [[0, "Loop"], [1, "Every 60s"], [3, "Supervise"]]) {
    has(lines, line, text, "entity.name.section.flux");
  }
  has(lines, 2, "fn: area(w: f64) -> f64", "entity.name.section.flux");
  assert.ok(!lines[4].some((one) => one.scopes.includes("entity.name.section.flux")));
});

test("keys of every section of keys are keys", async () => {
  const keys = ["name", "version", "capabilities", "heartbeat", "period", "priority", "memory", "subscribe"];
  keys.push("target", "optimize", "board", "heap", "stack", "gas", "strategy", "restarts", "wait");
  const lines = await tokens(keys.map((key) => `${key}: x`).join("\n"));
  keys.forEach((key, line) => has(lines, line, key, "variable.other.key.flux"));
});

test("steps have their words, devices, texts and values", async () => {
  const lines = await tokens('1. Read temp from I2C sensor (addr 0x48)\n- TELL cloud: put(temp)\n   * Log "is {temp + 1}"');
  has(lines, 0, "Read", "keyword.control.step.flux");
  has(lines, 0, "I2C", "support.class.device.flux");
  has(lines, 0, "0x48", "constant.numeric.flux");
  has(lines, 1, "TELL", "keyword.other.message.flux");
  has(lines, 1, "put", "entity.name.function.flux");
  has(lines, 2, "1", "meta.interpolation.flux");
  assert.ok(lines[2].at(-1).scopes.includes("string.quoted.double.flux"));
});

test("a step ends with its line, a fence with its fence", async () => {
  const text = '1. Log "open\nprose\n```flux\nlet x = "a"\n```\n## Loop\n~~~c\nint x;\n~~~\n## Init';
  const lines = await tokens(text);
  assert.ok(!lines[1][0].scopes.includes("meta.step.flux"), JSON.stringify(lines[1]));
  has(lines, 3, "let", "storage.type.flux");
  has(lines, 5, "Loop", "entity.name.section.flux");
  assert.ok(lines[7][0].scopes.includes("meta.embedded.block.c"));
  has(lines, 9, "Init", "entity.name.section.flux");
});

test("no document of the repository runs out of a fence, and its steps are steps", async () => {
  for (const folder of ["apps", "std", "tests/golden/run"]) {
    for (const name of fs.readdirSync(path.join(root, folder)).filter((file) => file.endsWith(".flux.md"))) {
      const text = fs.readFileSync(path.join(root, folder, name), "utf8");
      const lines = await tokens(text);
      let fence = null;
      let steps = false;
      text.split("\n").forEach((line, at) => {
        const mark = line.match(/^\s*(```+|~~~+)/)?.[1].slice(0, 3);
        const inside = fence !== null;
        if (mark && (!inside || mark === fence)) fence = inside ? null : mark;
        if (inside || fence) return;
        const where = `${folder}/${name}:${at + 1}: ${line}`;
        if (/^##+ /.test(line)) steps = /^## (Loop|Init|Every )/.test(line);
        if (/^## (Loop|Init|Agent)$/.test(line)) {
          assert.ok(lines[at].some((one) => one.scopes.includes("entity.name.section.flux")), where);
        }
        if (steps && /^\s*(\d+[.)]|-) [A-Z]/.test(line)) {
          assert.ok(lines[at].some((one) => one.scopes.includes("meta.step.flux")), where);
        }
      });
    }
  }
});
