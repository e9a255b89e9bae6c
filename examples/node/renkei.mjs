// renkei.h for Node.js, by koffi: nothing to build, and nothing to install but koffi and the shared library.
//
//     const store = new Store('shop.db', { create: true });
//     store.apply({ databases: [...] });
//     store.register('items', { code: 'A-1', name: 'りんご' });
//     for (const [code, name] of store.rows('items', ['code', 'name'])) console.log(code, name);
//     store.close();
//
// Documents are what JavaScript has for JSON; whatever fails throws a RenkeiError. Ids and counts are numbers, exact to 2^53.
// Copy this file into a program of yours, and take away or add what it needs: fallible() takes any function of renkei.h. The
// library is the one that RENKEI_LIBRARY names, or else the one that the system finds.

import koffi from 'koffi';

const library = koffi.load(process.env.RENKEI_LIBRARY ?? 'librenkei.so.0.1');
const [abiVersion, japanese, english] = [1, 0, 1];
const cell = { null: 0, number: 2, date: 3, datetime: 4, time: 5 };

if (library.func('uint32_t renkei_abi_version()')() !== abiVersion) {
    throw new Error(`renkei.mjs is made for ABI ${abiVersion}`);
}

// The structs of renkei.h that are used here.
const StoreOptions = koffi.struct('renkei_store_options', {
    size: 'size_t', create: 'uint32', synchronous: 'uint32', page_bytes: 'uint32', cache_bytes: 'uint32',
    reader_cache_bytes: 'uint32', checkpoint_bytes: 'uint32', busy_timeout_ms: 'uint64', time_zone: 'const char *',
    time_zone_len: 'size_t', limit_file_bytes: 'uint64', limit_import_rows: 'uint64', limit_csv_columns: 'uint64',
    limit_cell_bytes: 'uint64', limit_line_bytes: 'uint64', limit_rejects: 'uint64', limit_detail_rows: 'uint64',
    limit_page_records: 'uint64', limit_automation_records: 'uint64', limit_automation_parts: 'uint64',
    limit_automation_seconds: 'uint64', clock: 'void *', random: 'void *', random_user_data: 'void *',
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

const errorMessage = library.func('const char *renkei_error_message(void *error, uint32_t language, void *out_len)');
const errorCode = library.func('const char *renkei_error_code(void *error, void *out_len)');
const errorJson = library.func('const char *renkei_error_json(void *error, void *out_len)');
const errorFree = library.func('int renkei_error_free(void *error)');
const free = library.func('int renkei_free(void *memory)');
const closer = (name) => library.func(`int renkei_${name}(void *handle)`);
const [closeStore, closeRows, freeWorker] = ['store_close', 'rows_close', 'worker_free'].map(closer);

/** What the library refused: its code, and in details everything that it says about it. */
export class RenkeiError extends Error {
    constructor(handle) {
        super(errorMessage(handle, english, null));
        this.code = errorCode(handle, null);
        this.messageJa = errorMessage(handle, japanese, null);
        this.details = JSON.parse(errorJson(handle, null));
        errorFree(handle);
    }

    /** Every value that was refused. */
    get violations() {
        return this.details.violations ?? [];
    }
}

/** A function of renkei.h that can fail: a failure becomes an exception. */
function fallible(name, parameters) {
    const call = library.func(`int renkei_${name}(${parameters}, _Out_ void **error)`);
    return (...given) => {
        const error = [null];
        if (call(...given, error) !== 0) throw new RenkeiError(error[0]);
    };
}

const text = (name) => `const char *${name}, size_t ${name}_len`;
const outJson = '_Out_ void **out_json, _Out_ size_t *out_json_len';
const record = `${text('database')}, ${text('key')}, int64_t id`;
const writing = 'const renkei_write_options *options, _Inout_ renkei_saved *saved';
const api = {
    open: fallible('store_open', `${text('path')}, const renkei_store_options *options, _Out_ void **store`),
    asUser: fallible('store_as_user', `void *store, ${text('user')}, _Out_ void **view`),
    apply: fallible('blueprint_apply', `void *store, ${text('blueprint')}, ${outJson}`),
    register: fallible('record_register_json', `void *store, ${text('database')}, ${text('values')}, ${writing}`),
    update: fallible('record_update_json', `void *store, ${record}, ${text('values')}, ${writing}`),
    upsert: fallible('record_upsert_json', `void *store, ${text('database')}, ${text('values')}, ${writing}`),
    view: fallible('record_view_json', `void *store, ${record}, ${outJson}`),
    remove: fallible('record_delete', `void *store, ${record}, int64_t revision, _Out_ int64_t *deleted`),
    page: fallible('query_page', `void *store, ${text('database')}, ${text('query')}, ${outJson}`),
    count: fallible('query_count', `void *store, ${text('database')}, ${text('condition')}, _Out_ uint64_t *count`),
    rows: fallible('rows_open', `void *store, ${text('database')}, ${text('columns')}, ${text('query')}, _Out_ void **rows`),
    next: fallible('rows_next', 'void *rows, _Out_ int32_t *has_row'),
    cells: fallible('rows_cells', 'void *rows, _Out_ void **cells, _Out_ size_t *count'),
    reserve: fallible('import_reserve', `void *store, ${text('database')}, ${text('setting')},
        const renkei_import_request *request, _Out_ int64_t *process_id, _Out_ int32_t *existed`),
    importStatus: fallible('import_status_json', `void *store, int64_t process_id, ${outJson}`),
    rejects: fallible('import_rejects', `void *store, int64_t process_id, uint64_t skip, uint64_t limit, ${outJson}`),
    exportPath: fallible('export_path', `void *store, ${text('spec')}, ${text('path')}, void *options,
        _Inout_ renkei_exported *exported`),
    worker: fallible('worker_new', 'void *store, const renkei_worker_options *options, _Out_ void **worker'),
    run: fallible('worker_run_until_idle', 'void *worker, _Out_ uint64_t *count'),
};

/** Arguments of texts, each with its length; what is no text is JSON, and what is not given is NULL. */
const texts = (...all) => all.flatMap((given) => {
    const written = given == null || typeof given === 'string' ? given : JSON.stringify(given);
    return [written ?? null, Buffer.byteLength(written ?? '')];
});

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

/** Which record is meant: a text is a key, a number an id. */
const target = (record) => (typeof record === 'string' ? [...texts(record), 0] : [...texts(null), record]);

/** What JavaScript has for a cell: null, a text, a number, a Date whose UTC is the clock on the wall; decimals are texts. */
function valueOf({ kind, scale, integer, text, text_len: length }) {
    if (kind === cell.null) return null;
    if (text) return koffi.decode(text, 'char', Number(length));
    if (kind === cell.number && scale > 0) {
        const digits = String(BigInt(integer) < 0n ? -BigInt(integer) : integer).padStart(scale + 1, '0');
        return `${integer < 0 ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    }
    if (kind === cell.date) return new Date(Number(integer) * 86400000);
    if (kind === cell.datetime || kind === cell.time) return new Date(Number(integer) * 1000);
    return integer;
}

/** An open store, or a view of one, until it is closed. */
export class Store {
    #handle;

    constructor(path, { create = false } = {}) {
        const out = [null];
        // A handle: a view of an open store.
        if (typeof path === 'string') api.open(...texts(path), sized(StoreOptions, { create: Number(create) }), out);
        this.#handle = out[0] ?? path;
    }

    close() {
        closeStore(this.#handle);
        this.#handle = null;
    }

    asUser(user) {
        const view = [null];
        api.asUser(this.#handle, ...texts(user), view);
        return new Store(view[0]);
    }

    /** Makes the store as a blueprint says; the changes that were made. */
    apply(blueprint) {
        return document(api.apply, this.#handle, ...texts(blueprint));
    }

    #write(call, given, { expectedRevision = 0 } = {}) {
        const saved = sized(Saved, { key: '' });
        call(this.#handle, ...given, sized(WriteOptions, { expected_revision: expectedRevision }), saved);
        const { id, key, revision } = saved;
        return { id, key, revision };
    }

    register(database, values) {
        return this.#write(api.register, texts(database, values));
    }

    update(database, record, values, options) {
        return this.#write(api.update, [...texts(database), ...target(record), ...texts(values)], options);
    }

    upsert(database, values) {
        return this.#write(api.upsert, texts(database, values));
    }

    delete(database, record, { expectedRevision = 0 } = {}) {
        api.remove(this.#handle, ...texts(database), ...target(record), expectedRevision, [0]);
    }

    view(database, record) {
        return document(api.view, this.#handle, ...texts(database), ...target(record));
    }

    /** A page of records: see `Query` in the documentation of the Rust crate. */
    query(database, query) {
        return document(api.page, this.#handle, ...texts(database, query));
    }

    count(database, condition) {
        const found = [0];
        api.count(this.#handle, ...texts(database, condition), found);
        return found[0];
    }

    /** Lines of columns, read without JSON, however many there are. */
    *rows(database, columns, query) {
        const cursor = [null];
        api.rows(this.#handle, ...texts(database, columns, query), cursor);
        try {
            const [hasRow, cells, count] = [[0], [null], [0]];
            for (;;) {
                api.next(cursor[0], hasRow);
                if (!hasRow[0]) return;
                api.cells(cursor[0], cells, count);
                yield koffi.decode(cells[0], Cell, Number(count[0])).map(valueOf);
            }
        } finally {
            closeRows(cursor[0]);
        }
    }

    /** Reserves an import of a file; its process id. */
    reserveImport(database, setting, { path, upload = 0, dryRun = false }) {
        const [process_id, existed] = [[0], [0]];
        const [file, length] = texts(path);
        const request = sized(ImportRequest, { upload, path: file, path_len: length, dry_run: Number(dryRun) });
        api.reserve(this.#handle, ...texts(database, setting), request, process_id, existed);
        return process_id[0];
    }

    importStatus(processId) {
        return document(api.importStatus, this.#handle, processId);
    }

    rejects(processId, skip = 0, limit = 1000) {
        return document(api.rejects, this.#handle, processId, skip, limit);
    }

    exportToPath(spec, path) {
        const exported = sized(Exported);
        api.exportPath(this.#handle, ...texts(spec, path), null, exported);
        return exported;
    }

    /** Runs everything that is due; how many things. progress is told how far an import is. */
    runUntilIdle({ progress, network } = {}) {
        const [worker, ran] = [[null], [0]];
        const [policy, length] = texts(network);
        const show = progress
            ? koffi.register((_, pointer) => progress(koffi.decode(pointer, Progress)), koffi.pointer(ShowProgress))
            : null;
        try {
            const options = sized(WorkerOptions, { progress: show, network: policy, network_len: length });
            api.worker(this.#handle, options, worker);
            api.run(worker[0], ran);
            return ran[0];
        } finally {
            freeWorker(worker[0]);
            if (show) koffi.unregister(show);
        }
    }
}
