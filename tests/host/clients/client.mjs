// A client as they are written in TypeScript: fetch, FormData, and the older http module.

import assert from "node:assert/strict";
import http from "node:http";

const [base, token] = process.argv.slice(2);
const url = (name) => `${base}/${name}/version/v1`;

async function call(name, query) {
  const response = await fetch(url(name), {
    method: "POST",
    headers: { "X-HD-apitoken": token, "Content-Type": "application/json;charset=UTF-8" },
    body: JSON.stringify(query),
  });
  const answer = await response.json();
  assert.equal(answer.code, String(response.status));
  return answer;
}

async function wait(processId) {
  for (let turn = 0; turn < 600; turn += 1) {
    const { items } = await call("api/checkcsvimportprocess", { processId });
    if (items.nowCondition === 2 || items.nowCondition === 3) {
      return [items.processStatus, Number(items.succeedCount), Number(items.failureCount)];
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the import does not end");
}

const registered = await call("apirecord/regist", { dbSchemaId: 100201, values: { 100304: "済😀", 100305: ["A", "C"] } });
const keyId = registered.items.keyId;
const viewed = await call("apirecord/view", { dbSchemaId: 100201, keyId, responseType: 1, viewId: "0" });
assert.deepEqual([viewed.items["件名"], viewed.items["タグ"]], ["済😀", ["A", "C"]]);
const refused = await call("apirecord/update", { dbSchemaId: "100201", keyId, values: { 100301: "中止" } });
assert.equal(refused.errors.description.header[0].code, "37");

// A form whose file is a Blob; the JSON is a field.
const form = new FormData();
form.append("json", JSON.stringify({ dbSchemaId: 100201, importId: 100401 }, null, 2));
form.append("uploadFile", new Blob(["りんご,1,2026-05-01\nみかん,2,\n"], { type: "text/csv;charset=UTF-8" }), "upload.csv");
const sent = await fetch(url("api/csvdataimport"), { method: "POST", headers: { "X-HD-apitoken": token }, body: form });
const reserved = await sent.json();
const processId = String(reserved.processId ?? reserved.items?.processId ?? reserved.items?.[0]?.processId).replace(/\D/g, "");
assert.deepEqual(await wait(processId), ["complete", 2, 0]);

// A body made by hand, with the boundary that goes without a blank before it.
const boundary = `-+-+-+-Boundary_h${Date.now().toString(16)}`;
const body = [
  `--${boundary}`,
  'Content-Disposition: form-data; name="json"',
  "Content-Type: application/json;charset=UTF-8",
  "",
  JSON.stringify({ dbSchemaId: "100201", importId: "100401" }),
  `--${boundary}`,
  'Content-Disposition: form-data; name="uploadFile"; filename="data.csv"',
  "Content-Type: text/csv;charset=UTF-8",
  "",
  "ぶどう,3,\n",
  `--${boundary}--`,
].join("\r\n");
const byHand = await fetch(url("api/csvdataimport"), {
  method: "POST",
  headers: { "X-HD-apitoken": token, "Content-Type": `multipart/form-data;boundary=${boundary}` },
  body,
});
assert.deepEqual(await wait((await byHand.json()).items.processId), ["complete", 1, 0]);

const exported = await fetch(url("api/csvexport"), {
  method: "POST",
  headers: { "X-HD-apitoken": token, "Content-Type": "application/json" },
  body: JSON.stringify({ dbSchemaId: 100201, listId: 100501, limit: 200, offset: 0 }),
});
assert.ok(!exported.headers.get("content-type").includes("application/json"));
const lines = (await exported.text()).replace(/^\uFEFF/, "").trimEnd().split(/\r?\n/);
assert.equal(lines.length, 5);
assert.ok(lines[0].startsWith('"番号","件　名"'));

// The older module, in chunks and over kept connections, asking first.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const older = (name, headers, pieces) =>
  new Promise((resolve, reject) => {
    const request = http.request(url(name), { method: "POST", agent, headers: { "x-hd-apitoken": token, ...headers } });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => (text += piece)).on("end", () => resolve([response.statusCode, text]));
    });
    request.on("error", reject);
    const send = () => {
      pieces.forEach((piece) => request.write(piece));
      request.end();
    };
    if (headers.Expect) {
      request.on("continue", send);
      request.flushHeaders();
    } else {
      send();
    }
  });
const query = JSON.stringify({ dbSchemaId: 100201, keyId });
for (let turn = 0; turn < 3; turn += 1) {
  assert.equal((await older("apirecord/view", {}, [query.slice(0, 9), query.slice(9)]))[0], 200);
  assert.equal((await older("apirecord/view", { "Content-Length": Buffer.byteLength(query) }, [query]))[0], 200);
  assert.equal((await older("apirecord/view", { Expect: "100-continue" }, [query]))[0], 200);
}
agent.destroy();

assert.deepEqual((await call("apirecord/delete", { dbSchemaId: 100201, keyId })).items, { keyId, id: "1" });
console.log("done");
