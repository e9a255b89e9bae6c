// The main job, end to end, on real data, in Node.js: 22,200 offices of Japan Post in Shift_JIS are imported into a store,
// looked at, changed, searched and exported. The same story as examples/quickstart.rs.
//
//     examples/run.sh node

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

const examples = join(dirname(fileURLToPath(import.meta.url)), '..');
const library = koffi.load(process.env.RENKEI_LIBRARY ?? 'librenkei.so.0.1');
const abiVersion = 1;
const english = 1;

// The structs of renkei.h that are used here.
const StoreOptions = koffi.struct('renkei_store_options', {
    size: 'size_t', create: 'uint32', synchronous: 'uint32', page_bytes: 'uint32', cache_bytes: 'uint32',
    reader_cache_bytes: 'uint32', checkpoint_bytes: 'uint32', busy_timeout_ms: 'uint64', time_zone: 'const char *',
    time_zone_len: 'size_t', limits: koffi.array('uint64', 8), clock: 'void *', random: 'void *', random_user_data: 'void *',
    secret_key: 'void *', secret_key_len: 'size_t', secret_key_from: 'void *', secret_key_user_data: 'void *',
    secret_vault: 'void *', secret_vault_user_data: 'void *', now: 'void *', now_user_data: 'void *',
});
const WriteOptions = koffi.struct('renkei_write_options', {
    size: 'size_t', expected_revision: 'int64', details: 'uint32', key_mode: 'uint32', leave_dependents: 'uint32',
    approve: 'uint32',
});
const Saved = koffi.struct('renkei_saved', {
    size: 'size_t', id: 'int64', revision: 'int64', written: 'uint32', key_len: 'uint32', key: koffi.array('char', 1024),
});
const ImportRequest = koffi.struct('renkei_import_request', {
    size: 'size_t', upload: 'int64', path: 'const char *', path_len: 'size_t', token: 'const char *', token_len: 'size_t',
    run_at: 'int64', once_per_content: 'uint32', dry_run: 'uint32',
});
const Progress = koffi.struct('renkei_import_progress', {
    size: 'size_t', process_id: 'int64', bytes_total: 'uint64', bytes_done: 'uint64', rows: 'uint64', rejected: 'uint64',
});
const ShowProgress = koffi.proto('void renkei_import_progress_fn(void *user_data, const renkei_import_progress *progress)');
const WorkerOptions = koffi.struct('renkei_worker_options', {
    size: 'size_t', progress: koffi.pointer(ShowProgress), progress_user_data: 'void *', retention_ms: 'uint64',
    senders: 'size_t', network: 'const char *', network_len: 'size_t', resolver: 'void *', resolver_user_data: 'void *',
    http_transport: 'void *', http_transport_user_data: 'void *', mail_transport: 'void *', mail_transport_user_data: 'void *',
    notice: 'void *', notice_user_data: 'void *',
});
const Exported = koffi.struct('renkei_exported', {
    size: 'size_t', records: 'uint64', lines: 'uint64', bytes: 'uint64', unmapped_count: 'uint64',
});
const Cell = koffi.struct('renkei_cell', {
    kind: 'uint32', scale: 'uint32', integer: 'int64', text: 'void *', text_len: 'size_t',
});

/** A struct with its size set. */
const sized = (type, members = {}) => ({ size: koffi.sizeof(type), ...members });
const bytes = (text) => Buffer.byteLength(text);

const errorMessage = library.func('const char *renkei_error_message(void *error, uint32_t language, void *out_len)');
const errorJson = library.func('const char *renkei_error_json(void *error, void *out_len)');
const errorFree = library.func('int renkei_error_free(void *error)');
const free = library.func('int renkei_free(void *memory)');
const closer = (name) => library.func(`int renkei_${name}(void *handle)`);
const [closeStore, closeRows, freeWorker] = ['store_close', 'rows_close', 'worker_free'].map(closer);

/** A function of renkei.h that can fail: a failure becomes an exception. */
function fallible(name, parameters) {
    const call = library.func(`int renkei_${name}(${parameters}, _Out_ void **error)`);
    return (...given) => {
        const error = [null];
        if (call(...given, error) !== 0) {
            const refused = new Error(errorMessage(error[0], english, null));
            refused.details = JSON.parse(errorJson(error[0], null));
            errorFree(error[0]);
            throw refused;
        }
    };
}

const text = (name) => `const char *${name}, size_t ${name}_len`;
const outJson = '_Out_ void **out_json, _Out_ size_t *out_json_len';
const api = {
    open: fallible('store_open', `${text('path')}, const renkei_store_options *options, _Out_ void **store`),
    apply: fallible('blueprint_apply', `void *store, ${text('blueprint')}, ${outJson}`),
    asUser: fallible('store_as_user', `void *store, ${text('user')}, _Out_ void **view`),
    reserve: fallible('import_reserve', `void *store, ${text('database')}, ${text('setting')},
        const renkei_import_request *request, _Out_ int64_t *process_id, _Out_ int32_t *existed`),
    worker: fallible('worker_new', 'void *store, const renkei_worker_options *options, _Out_ void **worker'),
    run: fallible('worker_run_until_idle', 'void *worker, _Out_ uint64_t *count'),
    importStatus: fallible('import_status_json', `void *store, int64_t process_id, ${outJson}`),
    register: fallible('record_register_json', `void *store, ${text('database')}, ${text('values')},
        const renkei_write_options *options, _Inout_ renkei_saved *saved`),
    update: fallible('record_update_json', `void *store, ${text('database')}, ${text('key')}, int64_t id, ${text('values')},
        const renkei_write_options *options, _Inout_ renkei_saved *saved`),
    view: fallible('record_view_json', `void *store, ${text('database')}, ${text('key')}, int64_t id, ${outJson}`),
    remove: fallible('record_delete', `void *store, ${text('database')}, ${text('key')}, int64_t id, int64_t revision,
        _Out_ int64_t *deleted`),
    rows: fallible('rows_open', `void *store, ${text('database')}, ${text('columns')}, ${text('query')}, _Out_ void **rows`),
    next: fallible('rows_next', 'void *rows, _Out_ int32_t *has_row'),
    cells: fallible('rows_cells', 'void *rows, _Out_ void **cells, _Out_ size_t *count'),
    count: fallible('query_count', `void *store, ${text('database')}, ${text('condition')}, _Out_ uint64_t *count`),
    exportPath: fallible('export_path', `void *store, ${text('spec')}, ${text('path')}, void *options,
        _Inout_ renkei_exported *exported`),
};

/** Calls a function whose last outputs are JSON. */
function document(call, ...given) {
    const [pointer, length] = [[null], [0]];
    call(...given, pointer, length);
    try {
        return JSON.parse(koffi.decode(pointer[0], 'char', Number(length[0])));
    } finally {
        free(pointer[0]);
    }
}

/** Arguments of texts: each with its length. */
const texts = (...all) => all.flatMap((given) => [given, bytes(given)]);

/** Lines of columns, read without JSON. */
function* rows(store, database, columns, query) {
    const cursor = [null];
    api.rows(store, ...texts(database, JSON.stringify(columns), JSON.stringify(query)), cursor);
    try {
        const [hasRow, cells, count] = [[0], [null], [0]];
        for (;;) {
            api.next(cursor[0], hasRow);
            if (!hasRow[0]) return;
            api.cells(cursor[0], cells, count);
            const line = koffi.decode(cells[0], Cell, Number(count[0]));
            yield line.map((cell) => (cell.text ? koffi.decode(cell.text, 'char', Number(cell.text_len)) : cell.integer));
        }
    } finally {
        closeRows(cursor[0]);
    }
}

function count(store, database, condition) {
    const found = [0];
    api.count(store, ...texts(database, JSON.stringify(condition)), found);
    return found[0];
}

function main() {
    if (library.func('uint32_t renkei_abi_version()')() !== abiVersion) {
        throw new Error(`this program is made for ABI ${abiVersion}`);
    }
    const output = join(examples, 'output');
    mkdirSync(output, { recursive: true });
    const [path, csv] = [join(output, 'quickstart-node.db'), join(examples, 'data/offices_cp932.csv')];
    for (const suffix of ['', '-wal', '-shm', '-turn']) rmSync(path + suffix, { force: true });

    console.log('1. A store, and what it is to hold');
    const host = [null];
    api.open(...texts(path), sized(StoreOptions, { create: 1 }), host);
    for (const change of document(api.apply, host[0], ...texts(readFileSync(join(examples, 'data/offices.json'), 'utf8')))) {
        console.log(`   ${change.kind} "${change.code}": ${change.what}`);
    }

    console.log(`2. The import of ${csv} is reserved, and run`);
    const [view, process_id, existed, worker, ran] = [[null], [0], [0], [null], [0]];
    api.asUser(host[0], ...texts('clerk'), view);
    const store = view[0];
    const request = sized(ImportRequest, { path: csv, path_len: bytes(csv) });
    api.reserve(store, ...texts('offices', 'monthly'), request, process_id, existed);
    const show = koffi.register((_, pointer) => {
        const at = koffi.decode(pointer, Progress);
        const percent = Math.floor((Number(at.bytes_done) * 100) / Math.max(Number(at.bytes_total), 1));
        process.stdout.write(`\r   ${percent} %, ${at.rows} lines`);
    }, koffi.pointer(ShowProgress));
    api.worker(store, sized(WorkerOptions, { progress: show }), worker);
    api.run(worker[0], ran);
    freeWorker(worker[0]);
    koffi.unregister(show);
    const status = document(api.importStatus, store, process_id[0]);
    console.log(`\r   ${status.state}: ${status.total} lines, ${status.inserted} new, ${status.rejected} refused`);

    console.log('3. A record is registered, updated with detail rows, viewed and deleted');
    let values = {
        number: '9999999', name: '連携商事　東京本社', prefecture: '東京都', kind: 'office',
        details: [{ visited: '2026/01/15', report: '初回訪問', cost: 1200 }],
    };
    const saved = sized(Saved, { key: '' });
    api.register(store, ...texts('offices', JSON.stringify(values)), null, saved);
    console.log(`   registered: key ${saved.key}, record id ${saved.id}, revision ${saved.revision}`);
    values = { city: '千代田区', details: [{ visited: '2026/02/20', report: '見積提出\n来月再訪', cost: '3400' }] };
    const expected = sized(WriteOptions, { expected_revision: saved.revision });
    api.update(store, ...texts('offices', '9999999'), 0, ...texts(JSON.stringify(values)), expected, saved);
    const record = document(api.view, store, ...texts('offices', '9999999'), 0);
    console.log(`   viewed at revision ${saved.revision}: ${record.name} (${record.city}), ` +
        `${record.details.length} visits, ${record.spent} spent`);
    try {
        values = { kind: 'warehouse', jis: '十三' };
        api.update(store, ...texts('offices', '9999999'), 0, ...texts(JSON.stringify(values)), null, null);
    } catch (refused) {
        console.log('   refused, with every reason at once:');
        for (const violation of refused.details.violations) console.log(`     [${violation.code}] ${violation.message.ja}`);
    }
    api.remove(store, ...texts('offices', '9999999'), 0, 0, [0]);
    console.log('   deleted');

    console.log('4. Searches');
    const shimbun = { field: 'name', op: 'contains', value: '新聞' };
    for (const [number, name] of rows(store, 'offices', ['number', 'name'], { condition: shimbun, limit: 3 })) {
        console.log(`   ${number} ${name}`);
    }
    console.log(`   ${count(store, 'offices', shimbun)} offices have 新聞 in their name`);
    console.log(`   ${count(store, 'offices', { field: 'prefecture', op: 'equals', value: '北海道' })} are in 北海道`);

    console.log('5. The list "addresses" is exported, for people to open in a spreadsheet');
    const [exported, out] = [sized(Exported), join(output, 'addresses-node.csv')];
    const spec = {
        database: 'offices', list: 'addresses', search: 'hokkaido', values: 'csv',
        format: { encoding: 'utf-8-bom', formula_guard: true },
    };
    api.exportPath(store, ...texts(JSON.stringify(spec), out), null, exported);
    console.log(`   ${exported.records} records, ${exported.bytes} bytes`);

    closeStore(store);
    closeStore(host[0]);
    console.log(`The store is ${path}: open it with any SQLite tool, and look at the view offices__view.`);
    console.log(`The exported list is ${out}.`);
}

try {
    main();
} catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
}
