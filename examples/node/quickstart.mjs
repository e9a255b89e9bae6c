// The main job, end to end, on real data, in Node.js: 22,200 offices of Japan Post in Shift_JIS are imported into a store,
// looked at, changed, searched and exported. The same story as examples/quickstart.rs; renkei.mjs beside it and
// koffi are all that is needed.
//
//     examples/run.sh node

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RenkeiError, Store } from './renkei.mjs';

const examples = join(dirname(fileURLToPath(import.meta.url)), '..');

function main() {
    const output = join(examples, 'output');
    mkdirSync(output, { recursive: true });
    const [path, csv] = [join(output, 'quickstart-node.db'), join(examples, 'data/offices_cp932.csv')];
    for (const suffix of ['', '-wal', '-shm', '-turn']) rmSync(path + suffix, { force: true });

    console.log('1. A store, and what it is to hold');
    const host = new Store(path, { create: true });
    for (const change of host.apply(readFileSync(join(examples, 'data/offices.json'), 'utf8'))) {
        console.log(`   ${change.kind} "${change.code}": ${change.what}`);
    }

    console.log(`2. The import of ${csv} is reserved, and run`);
    const store = host.asUser('clerk');
    const processId = store.reserveImport('offices', 'monthly', { path: csv });
    const progress = (at) => {
        const percent = Math.floor((Number(at.bytes_done) * 100) / Math.max(Number(at.bytes_total), 1));
        process.stdout.write(`\r   ${percent} %, ${at.rows} lines`);
    };
    store.runUntilIdle({ progress });
    const status = store.importStatus(processId);
    console.log(`\r   ${status.state}: ${status.total} lines, ${status.inserted} new, ${status.rejected} refused`);

    console.log('3. A record is registered, updated with detail rows, viewed and deleted');
    let saved = store.register('offices', {
        number: '9999999', name: '連携商事　東京本社', prefecture: '東京都', kind: 'office',
        details: [{ visited: '2026/01/15', report: '初回訪問', cost: 1200 }],
    });
    console.log(`   registered: key ${saved.key}, record id ${saved.id}, revision ${saved.revision}`);
    const values = { city: '千代田区', details: [{ visited: '2026/02/20', report: '見積提出\n来月再訪', cost: '3400' }] };
    saved = store.update('offices', '9999999', values, { expectedRevision: saved.revision });
    const record = store.view('offices', '9999999');
    console.log(`   viewed at revision ${saved.revision}: ${record.name} (${record.city}), ` +
        `${record.details.length} visits, ${record.spent} spent`);
    try {
        store.update('offices', '9999999', { kind: 'warehouse', jis: '十三' });
    } catch (refused) {
        if (!(refused instanceof RenkeiError)) throw refused;
        console.log('   refused, with every reason at once:');
        for (const violation of refused.violations) console.log(`     [${violation.code}] ${violation.message.ja}`);
    }
    store.delete('offices', '9999999');
    console.log('   deleted');

    console.log('4. Searches');
    const shimbun = { field: 'name', op: 'contains', value: '新聞' };
    for (const [number, name] of store.rows('offices', ['number', 'name'], { condition: shimbun, limit: 3 })) {
        console.log(`   ${number} ${name}`);
    }
    console.log(`   ${store.count('offices', shimbun)} offices have 新聞 in their name`);
    console.log(`   ${store.count('offices', { field: 'prefecture', op: 'equals', value: '北海道' })} are in 北海道`);

    console.log('5. The list "addresses" is exported, for people to open in a spreadsheet');
    const out = join(output, 'addresses-node.csv');
    const exported = store.exportToPath({
        database: 'offices', list: 'addresses', search: 'hokkaido', values: 'csv',
        format: { encoding: 'utf-8-bom', formula_guard: true },
    }, out);
    console.log(`   ${exported.records} records, ${exported.bytes} bytes`);

    store.close();
    host.close();
    console.log(`The store is ${path}: open it with any SQLite tool, and look at the view offices__view.`);
    console.log(`The exported list is ${out}.`);
}

try {
    main();
} catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
}
